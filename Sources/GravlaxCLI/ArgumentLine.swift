// The arguments of the process in the form that the parser wants.

package enum ArgumentLine {
    /// Gives a plain `--stats` its value, and puts `--` before the file of `run`: what follows the file belongs to
    /// the program, options included.
    package static func normalized(_ arguments: [String]) -> [String] {
        let optionsWithValues = ["-e", "--evaluate", "--diagnostics", "--memory-limit", "--gc-percent", "--trace"]
        var result: [String] = []
        var command: String?
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            if argument == "--" { return result + arguments[index...] }
            index += 1
            if argument == "--stats" {
                result.append("--stats=text")
            } else if optionsWithValues.contains(argument) {
                result.append(argument)
                if index < arguments.count { result.append(arguments[index]) }
                index += 1
            } else if argument.hasPrefix("-"), argument != "-" {
                result.append(argument)
            } else if command == "run" {
                return result + ["--", argument] + arguments[index...]
            } else {
                result.append(argument)
                command = command ?? argument
            }
        }
        return result
    }
}
