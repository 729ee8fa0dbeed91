import Glibc

/// The module `std/io`, where the host grants it. Texts are UTF-8; what is not cannot be read.
extension Machine {
    func runFiles(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if let nextLine = grants.nextLine, builtin == .readLine || builtin == .readInput {
            output.flush()
            return builtin == .readLine ? readLine(nextLine) : readAll(nextLine)
        }
        guard grants.io else { return failed("The host does not grant more of std/io than standard input.") }
        switch builtin {
        case .readLine: return readLine()
        case .readInput: return readAll(STDIN_FILENO, closes: false, "io.stdin can't read standard input")
        case .writeError:
            output.flush()
            return write(StringObject.bytes(Value(bits: window[1]).words), to: STDERR_FILENO) ? .nil : unusable("io.stderr can't write")
        default: break
        }
        let path = StringObject.text(Value(bits: window[1]).words)
        switch builtin {
        case .readFile:
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return unusable("io.readFile can't read '\(path)'") }
            return readAll(descriptor, closes: true, "io.readFile can't read '\(path)'")
        case .writeFile, .appendFile:
            let mode = builtin == .writeFile ? O_TRUNC : O_APPEND
            let name = builtin == .writeFile ? "writeFile" : "appendFile"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o666)
            guard descriptor >= 0 else { return unusable("io.\(name) can't write '\(path)'") }
            let isWritten = write(StringObject.bytes(Value(bits: window[2]).words), to: descriptor)
            let isClosed = close(descriptor) == 0
            return isWritten && isClosed ? .nil : unusable("io.\(name) can't write '\(path)'")
        case .exists:
            return Value(access(path, F_OK) == 0)
        case .removeFile:
            return Glibc.remove(path) == 0 ? .nil : unusable("io.remove can't remove '\(path)'")
        case .listFolder:
            guard let names = Machine.names(inFolder: path) else { return unusable("io.list can't read '\(path)'") }
            return makeList(of: names)
        default:
            fatalError("not a member of std/io")
        }
    }

    // MARK: Standard input of the host's making

    private func readLine(_ next: () -> String?) -> Value? {
        guard let line = next() else { return .nil }
        return makeString(line)
    }

    private func readAll(_ next: () -> String?) -> Value? {
        var text = ""
        while let line = next() {
            text += line
            text += "\n"
            guard worked(line.utf8.count + 1) else { return nil }
            guard text.utf8.count <= inputLimit else {
                failure = .outOfMemory
                return nil
            }
        }
        return makeString(text)
    }

    /// Bytes that are read at most before they become a string.
    private var inputLimit: Int {
        min(heap.configuration.budget.map { Int(clamping: $0) } ?? .max, StringObject.maximumByteCount)
    }

    // MARK: Files, and the process's standard input

    /// The error that `errno` tells of.
    private func unusable(_ what: String) -> Value? { failed("\(what): \(String(cString: strerror(errno))).") }

    private static func names(inFolder path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private func write(_ text: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var done = 0
        while done < text.count {
            let count = Glibc.write(descriptor, text.baseAddress.unsafelyUnwrapped + done, text.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Reads with the mutator outside: the read may wait for ever, and collections do not wait for it.
    private func readOutside(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        mutator.enterOutside()
        defer { mutator.leaveOutside() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 || errno != EINTR { return count }
        }
    }

    private func readAll(_ descriptor: Int32, closes: Bool, _ what: String) -> Value? {
        defer { if closes { close(descriptor) } }
        var bytes = input
        if closes { bytes = [] } else { input = [] }
        let limit = inputLimit
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { piece.deallocate() }
        while true {
            let count = readOutside(descriptor, piece)
            if count < 0 { return unusable(what) }
            if count == 0 { break }
            bytes.append(contentsOf: piece[..<count])
            if bytes.count > limit {
                failure = .outOfMemory
                return nil
            }
        }
        return makeText(bytes[...], what)
    }

    /// The next line of standard input without its end; nil at the end.
    private func readLine() -> Value? {
        output.flush()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 12, alignment: 16)
        defer { piece.deallocate() }
        var searched = 0
        while true {
            if let end = input[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = input[..<end]
                input.removeFirst(end + 1)
                return makeText(line, "io.readLine can't read standard input")
            }
            searched = input.count
            guard searched <= StringObject.maximumByteCount else {
                failure = .outOfMemory
                return nil
            }
            let count = readOutside(STDIN_FILENO, piece)
            if count < 0 { return unusable("io.readLine can't read standard input") }
            if count == 0 {
                if input.isEmpty { return .nil }
                let line = input[...]
                input = []
                return makeText(line, "io.readLine can't read standard input")
            }
            input.append(contentsOf: piece[..<count])
        }
    }

    private func makeText(_ bytes: ArraySlice<UInt8>, _ what: String) -> Value? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return failed("\(what): it is not UTF-8.") }
        return bytes.withUnsafeBytes { makeString($0) }
    }
}
