import Backplane

/// Decodes a payload by walking over it to the end.
func walk(_ payload: [UInt8]) -> Result<Envelope, EnvelopeError> {
    payload.withUnsafeBytes { bytes in
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(bytes)
            var messages: [Message] = []
            while let view = try walk.next() {
                messages.append(Message(view))
            }
            return .success(
                Envelope(id: walk.id, body: ScaleoutMessage(messages: messages, createdTicks: walk.createdTicks)))
        } catch {
            return .failure(error)
        }
    }
}

func decode(_ payload: some Collection<UInt8>) -> Result<Envelope, EnvelopeError> {
    do throws(EnvelopeError) {
        return .success(try Envelope(decoding: payload))
    } catch {
        return .failure(error)
    }
}
