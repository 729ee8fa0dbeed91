import Glibc

/// The module `std/io`, where the host grants it. Texts are UTF-8; what is not cannot be read. What may wait for ever, a
/// pipe or a terminal, is waited for with the mutator outside: no collection waits for it.
extension Machine {
    func runFiles(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if let nextLine = grants.nextLine, builtin == .readLine || builtin == .readInput {
            output.flush()
            return builtin == .readLine ? readLine(nextLine) : readAll(nextLine)
        }
        guard grants.io else { return failed("The host does not grant more of std/io than standard input.") }
        switch builtin {
        case .readLine: return readLine()
        case .readInput: return readInput()
        case .writeError:
            output.flush()
            return write(Value(bits: window[1]).words, to: STDERR_FILENO, "io.stderr can't write")
        case .readFile: return readFile(Value(bits: window[1]).words)
        case .writeFile: return writeFile(window, O_TRUNC, "io.writeFile can't write")
        case .appendFile: return writeFile(window, O_APPEND, "io.appendFile can't write")
        case .exists: return Value(usablePath(Value(bits: window[1]).words).map { access($0, F_OK) == 0 } ?? false)
        case .removeFile:
            guard let path = path(Value(bits: window[1]).words, "io.remove can't remove") else { return nil }
            return Glibc.remove(path) == 0 ? .nil : unusable("io.remove can't remove '\(path)'")
        case .listFolder: return listFolder(Value(bits: window[1]).words)
        default: fatalError("not a member of std/io")
        }
    }

    /// The error that `errno` tells of.
    private func unusable(_ what: String) -> Value? { failed("\(what): \(String(cString: strerror(errno))).") }

    /// A path as the system takes one; `nil` when it takes none such.
    private func usablePath(_ text: ObjectWords) -> String? {
        let bytes = StringObject.bytes(text)
        return bytes.count < Int(PATH_MAX) && !bytes.contains(0) ? StringObject.text(text) : nil
    }

    private func path(_ text: ObjectWords, _ what: String) -> String? {
        if let path = usablePath(text) { return path }
        _ = failed(
            StringObject.byteCount(text) < Int(PATH_MAX)
                ? "\(what): a path can't have a NUL character." : "\(what): \(String(cString: strerror(ENAMETOOLONG))).")
        return nil
    }

    /// Opens a file, which may be a pipe that nobody has opened at its other end.
    private func open(_ path: String, _ flags: Int32) -> Int32 {
        outside { Glibc.open(path, flags | O_CLOEXEC, 0o666) }
    }

    private func outside<Result>(_ body: () -> Result) -> Result {
        mutator.enterOutside()
        let result = body()
        let error = errno
        mutator.leaveOutside()
        errno = error
        return result
    }

    // MARK: Writing

    private func writeFile(_ window: UnsafeMutablePointer<UInt64>, _ mode: Int32, _ what: String) -> Value? {
        guard let path = path(Value(bits: window[1]).words, what) else { return nil }
        let descriptor = open(path, O_WRONLY | O_CREAT | mode)
        guard descriptor >= 0 else { return unusable("\(what) '\(path)'") }
        let result = write(Value(bits: window[2]).words, to: descriptor, "\(what) '\(path)'")
        guard close(descriptor) == 0 || result == nil else { return unusable("\(what) '\(path)'") }
        return result
    }

    /// Writes a string that a register holds. Polls.
    private func write(_ string: ObjectWords, to descriptor: Int32, _ what: String) -> Value? {
        let text = StringObject.bytes(string)
        var done = 0
        while done < text.count {
            let piece = UnsafeRawBufferPointer(rebasing: text[done..<min(done + Machine.bytesAtOnce, text.count)])
            let count = outside { Glibc.write(descriptor, piece.baseAddress, piece.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return unusable(what) }
            done += count
            guard worked(count) else { return nil }
        }
        return .nil
    }

    /// What the system is asked for at once.
    private static var bytesAtOnce: Int { 1 << 20 }

    // MARK: Reading

    /// Reads into memory that stays where it is. Gives the count of bytes, 0 at the end, or -1 with `errno`; `nil`: a limit was
    /// reached while there was nothing to read.
    private func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int? {
        while true {
            let count = outside { () -> Int? in
                // In slices, so that a limit is noticed.
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard Glibc.poll(&ready, 1, 40) != 0 else { return nil }
                return Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            }
            guard let count else {
                if limits.isRunning, !chargeWork(0) { return nil }
                continue
            }
            if count >= 0 || errno != EINTR { return count }
        }
    }

    private func readFile(_ name: ObjectWords) -> Value? {
        guard let path = path(name, "io.readFile can't read") else { return nil }
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return unusable("io.readFile can't read '\(path)'") }
        defer { close(descriptor) }
        var status = stat()
        // One more than there are, to meet the end with.
        let expected = fstat(descriptor, &status) == 0 && status.st_size > 0 ? Int(status.st_size) + 1 : 0
        var text = ReadText(self)
        defer { text.close() }
        return text.reserve(expected) ? readAll(descriptor, &text, "io.readFile can't read '\(path)'") : nil
    }

    private func readInput() -> Value? {
        var text = ReadText(self)
        defer { text.close() }
        let pending = input.rest
        guard text.reserve(pending.count), pending.withUnsafeBytes({ text.append($0) }) else { return nil }
        input.remove(pending.count)
        return readAll(STDIN_FILENO, &text, "io.stdin can't read standard input")
    }

    private func readAll(_ descriptor: Int32, _ text: inout ReadText, _ what: String) -> Value? {
        while true {
            guard text.reserve(1), let count = read(descriptor, UnsafeMutableRawBufferPointer(rebasing: text.room.prefix(Machine.bytesAtOnce)))
            else { return nil }
            if count < 0 { return unusable(what) }
            if count == 0 { return text.finish(orFail: "\(what): it is not UTF-8.") }
            text.advance(count)
            guard worked(count) else { return nil }
        }
    }

    /// The next line of standard input without its end; nil at the end.
    private func readLine() -> Value? {
        output.flush()
        let what = "io.readLine can't read standard input"
        var text = ReadText(self)
        defer { text.close() }
        var isBegun = false
        while true {
            let pending = input.rest
            let end = pending.firstIndex(of: UInt8(ascii: "\n"))
            let part = pending[..<(end ?? pending.endIndex)]
            if !part.isEmpty { isBegun = true }
            guard text.reserve(part.count), part.withUnsafeBytes({ text.append($0) }) else { return nil }
            input.remove(part.count + (end == nil ? 0 : 1))
            if end != nil { return text.finish(orFail: "\(what): it is not UTF-8.") }
            let count = withUnsafeTemporaryAllocation(byteCount: PendingInput.capacity, alignment: 16) { piece in
                let count = read(STDIN_FILENO, piece)
                if let count, count > 0 { input.refill(UnsafeRawBufferPointer(rebasing: piece[..<count])) }
                return count
            }
            guard let count else { return nil }
            if count < 0 { return unusable(what) }
            if count == 0 { return isBegun ? text.finish(orFail: "\(what): it is not UTF-8.") : .nil }
        }
    }

    // MARK: Standard input of the host's making

    private func readLine(_ next: () -> String?) -> Value? {
        guard let line = next() else { return .nil }
        return makeString(line)
    }

    private func readAll(_ next: () -> String?) -> Value? {
        var text = ReadText(self)
        defer { text.close() }
        while var line = next() {
            line += "\n"
            let isRead = line.withUTF8 { text.reserve($0.count) && text.append(UnsafeRawBufferPointer($0)) }
            guard isRead else { return nil }
        }
        return text.finish(orFail: "io.stdin can't read standard input: it is not UTF-8.")
    }

    // MARK: Folders

    private func listFolder(_ name: ObjectWords) -> Value? {
        guard let path = path(name, "io.list can't read") else { return nil }
        guard let folder = opendir(path) else { return unusable("io.list can't read '\(path)'") }
        defer { closedir(folder) }
        guard let names = makeList(capacity: 0) else { return nil }
        temporaries[2] = names.bits
        defer {
            temporaries[2] = 0
            temporaries[3] = 0
        }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name == "." || name == ".." { continue }
            guard let text = makeString(name) else { return nil }
            temporaries[3] = text.bits
            guard push(text.bits, to: names.words) else { return nil }
        }
        return ListObject.count(names.words) == 0 || sort(names.words) ? names : nil
    }
}
