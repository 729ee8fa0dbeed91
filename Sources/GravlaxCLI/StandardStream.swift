// Writing to standard output and standard error. Nothing is buffered here.

import ArgumentParser
import Glibc

struct StandardStream {
    let descriptor: Int32

    static let output = StandardStream(descriptor: STDOUT_FILENO)
    static let error = StandardStream(descriptor: STDERR_FILENO)
    static let input = StandardStream(descriptor: STDIN_FILENO)

    /// Opens what the process was started without, so that no file it opens later is taken for one of the three. What is
    /// written there fails as it does on a closed descriptor; what is read there is at its end.
    static func reserveDescriptors() {
        for stream in [input, output, error] where fcntl(stream.descriptor, F_GETFD) < 0 {
            // The lowest free number is the one that is missing: those below it have been seen to.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Writes everything. A reader that has gone ends the process without a word: by SIGPIPE,
    /// or, where that is ignored, here. Any other failure on standard output is exit code 74.
    func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EINTR {
                continue
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
            } else if errno == EPIPE {
                // As the shell reports a process that SIGPIPE ended.
                EarlyEnd.exit(128 + SIGPIPE)
            } else if descriptor == STDERR_FILENO {
                return
            } else {
                let reason = String(cString: strerror(errno))
                StandardStream.error.write("gravlax: cannot write the output: \(reason)\n")
                EarlyEnd.exit(74)
            }
        }
    }

    func write(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }
}

/// Ends the process with a message for the user.
func failure(_ message: String, exitCode: Int32) -> ExitCode {
    StandardStream.error.write("gravlax: \(message)\n")
    return ExitCode(exitCode)
}
