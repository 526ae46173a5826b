import Foundation

extension [UInt8] {
    /// Offset of `part`.
    func places(of part: [UInt8]) -> [Int] {
        guard !part.isEmpty, count >= part.count else { return [] }
        return withUnsafeBytes { all in
            part.withUnsafeBytes { part in
                guard let base = all.baseAddress, let sought = part.baseAddress else { return [] }
                var places: [Int] = []
                var from = 0
                while from <= all.count - part.count,
                    let hit = memchr(base + from, Int32(part[0]), all.count - part.count - from + 1)
                {
                    if memcmp(hit, sought, part.count) == 0 { places.append(base.distance(to: UnsafeRawPointer(hit))) }
                    from = base.distance(to: UnsafeRawPointer(hit)) + 1
                }
                return places
            }
        }
    }
}
