// A child process with its output collected and its time bounded. posix_spawn, no shell:
// arguments arrive as they are. Input comes from an unlinked file, so that nothing can
// deadlock on a full pipe and no test can be hit by SIGPIPE.

import Glibc
import Synchronization

/// How a child process ended and what it wrote.
struct ChildOutcome {
    /// The exit code; nil when a signal ended the process.
    var exitCode: Int32?
    /// The signal that ended the process, our own SIGKILL after the time limit included.
    var signal: Int32?
    var timedOut = false
    var standardOutput: [UInt8] = []
    var standardError: [UInt8] = []

    var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    var errorText: String { String(decoding: standardError, as: UTF8.self) }
    var outputLines: [String] { Self.lines(outputText) }
    var errorLines: [String] { Self.lines(errorText) }

    /// Lines without their newlines; a final newline begins no further line.
    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

struct SpawnError: Error { let call: String; let code: Int32 }

struct ChildProcess {
    var executable: String
    var arguments: [String] = []
    /// Added to the inherited environment; GRAVLAX_GC and NO_COLOR are inherited only when named here.
    var environment: [String: String] = [:]
    var standardInput: [UInt8] = []
    /// Standard output is a pipe that nobody reads.
    var closesOutput = false
    /// Standard output goes to this file instead of being collected.
    var outputPath: String?
    var seconds: Double = 120

    /// Runs the process to its end. Blocks the calling thread.
    func run() throws -> ChildOutcome {
        let (child, output, error) = try Self.spawning.withLock { _ in try start() }
        return collect(child, output: closesOutput ? -1 : output, error: error)
    }

    /// Between making descriptors and marking them close-on-exec no other child may start:
    /// it would hold the pipes open.
    private static let spawning = Mutex(())

    private func start() throws -> (child: pid_t, output: Int32, error: Int32) {
        let input = try Self.unlinkedFile(holding: standardInput)
        defer { close(input) }
        let output = try Self.makePipe()
        let error = try Self.makePipe()

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        if let outputPath {
            posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY, 0)
        } else {
            posix_spawn_file_actions_adddup2(&actions, output.write, 1)
        }
        posix_spawn_file_actions_adddup2(&actions, error.write, 2)

        // The runner may ignore or block SIGPIPE; the child starts as from a terminal.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        if closesOutput { close(output.read) }
        var child = pid_t()
        let code = Self.withCStrings([executable] + arguments) { argv in
            Self.withCStrings(environmentEntries()) { envp in
                posix_spawn(&child, executable, &actions, &attributes, argv, envp)
            }
        }
        close(output.write)
        close(error.write)
        guard code == 0 else {
            if !closesOutput { close(output.read) }
            close(error.read)
            throw SpawnError(call: "posix_spawn \(executable)", code: code)
        }
        return (child, output.read, error.read)
    }

    private func collect(_ child: pid_t, output: Int32, error: Int32) -> ChildOutcome {
        var outcome = ChildOutcome()
        let deadline = Self.now() + seconds
        // poll skips negative descriptors: a stream at its end becomes one.
        var streams = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: error, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while streams.contains(where: { $0.fd >= 0 }) {
            let left = deadline - Self.now()
            if left <= 0 {
                outcome.timedOut = true
                kill(child, SIGKILL)
                break
            }
            if poll(&streams, nfds_t(streams.count), Int32(left * 1000) + 1) < 0, errno != EINTR { break }
            for index in streams.indices where streams[index].fd >= 0 && streams[index].revents != 0 {
                let count = read(streams[index].fd, &buffer, buffer.count)
                if count > 0 {
                    if index == 0 {
                        outcome.standardOutput += buffer[..<count]
                    } else {
                        outcome.standardError += buffer[..<count]
                    }
                } else if count == 0 || errno != EINTR {
                    close(streams[index].fd)
                    streams[index].fd = -1
                }
            }
        }
        for stream in streams where stream.fd >= 0 { close(stream.fd) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        if signal == 0 {
            outcome.exitCode = (status >> 8) & 0xFF
        } else {
            outcome.signal = signal
        }
        return outcome
    }

    private func environmentEntries() -> [String] {
        var entries: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            let name = String(text.prefix { $0 != "=" })
            if environment[name] == nil, name != "GRAVLAX_GC", name != "NO_COLOR" { entries.append(text) }
            next += 1
        }
        return entries + environment.map { "\($0.key)=\($0.value)" }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Both ends close on exec.
    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SpawnError(call: "pipe", code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func unlinkedFile(holding bytes: [UInt8]) throws -> Int32 {
        var path = Array("/tmp/gravlax-input-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { throw SpawnError(call: "mkstemp", code: errno) }
        unlink(path)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw SpawnError(call: "write", code: errno) }
            written += count
        }
        lseek(file, 0, SEEK_SET)
        return file
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
