/// The parts of a stream reader that others use, built once for a source.
struct ReaderParts {
    let window: SourceWindow
    let progress: ReadProgress
    let files = FileParts()
    let decoder = ChunkDecoder()
    let loader: ChunkLoader
    let markers: MarkerSearch
    let check: LandingCheck
    let resynchronizer: Resynchronizer
    let messageIndexes: MessageIndexReader

    init(_ window: SourceWindow) {
        self.window = window
        progress = ReadProgress(window)
        loader = ChunkLoader(progress, files, decoder)
        markers = MarkerSearch(progress, files)
        check = LandingCheck(progress, files, markers, loader)
        resynchronizer = Resynchronizer(progress, files, markers, check)
        messageIndexes = MessageIndexReader(progress, files)
    }
}
