// Readable listings of compiled programs. Everything about the form of an
// instruction comes from the opcode table.

/// Writes programs as text, for people and for tests.
package struct Disassembler {
    private let program: Program

    package init(_ program: Program) { self.program = program }

    /// All functions of the program, the script first.
    package static func listing(of program: Program) -> String {
        let disassembler = Disassembler(program)
        return program.functions.map { disassembler.listing(of: $0) }.joined(separator: "\n")
    }

    /// One function: a heading, then an instruction per line with its source line; jump targets have labels.
    package func listing(of function: FunctionPrototype) -> String {
        let labels = labels(of: function)
        var text = heading(of: function) + "\n"
        var lastLine: UInt32 = 0
        for pc in function.code.indices {
            if let label = labels[pc] { text += "L\(label):\n" }
            let line = function.lines[pc]
            text += Self.padded(line == lastLine ? "|" : String(line), to: 6, left: true) + "  "
            text += self.text(of: Instruction(word: function.code[pc]), at: pc, in: function, labels: labels) + "\n"
            lastLine = line
        }
        for handler in function.handlers {
            let target = labels[Int(handler.target)].map { "L\($0)" } ?? "@\(handler.target)"
            text += "        errors at \(handler.start) ..< \(handler.end): R\(handler.register), \(target)\n"
        }
        return text
    }

    /// One instruction without its line, as in `addk R2 R1 K0 ; 1`.
    package func text(of instruction: Instruction, at pc: Int, in function: FunctionPrototype, labels: [Int: Int]) -> String {
        guard let opcode = instruction.checkedOpcode else {
            return "? \(String(instruction.word, radix: 16))"
        }
        let row = opcode.description
        var operands: [String] = []
        var notes: [String] = []
        func add(_ operand: Operand, _ value: Int, _ signed: Int) {
            switch operand {
            case .none: break
            case .read, .write, .update: operands.append("R\(value)")
            case .constant, .number:
                operands.append("K\(value)")
                if function.constants.indices.contains(value) { notes.append(Self.text(of: function.constants[value])) }
            case .count: operands.append(String(value))
            case .integer: operands.append(String(signed))
            case .global:
                operands.append("G\(value)")
                if program.globalNames.indices.contains(value) { notes.append(program.globalNames[value]) }
            case .site:
                operands.append("S\(value)")
                if function.siteSymbols.indices.contains(value) { notes.append(symbol(Int(function.siteSymbols[value]))) }
            case .symbol:
                operands.append("Y\(value)")
                notes.append(symbol(value))
            case .capture: operands.append("C\(value)")
            case .function:
                operands.append("F\(value)")
                if program.functions.indices.contains(value) { notes.append(program.functions[value].name ?? "fun") }
            case .classTemplate:
                operands.append("T\(value)")
                if program.classes.indices.contains(value) { notes.append(program.classes[value].name) }
            case .jump, .jumpBack:
                let target = pc + 1 + signed
                operands.append(labels[target].map { "L\($0)" } ?? "@\(target)")
            }
        }
        add(row.a, instruction.a, instruction.a)
        switch row.format {
        case .abc:
            add(row.b, instruction.b, instruction.b)
            add(row.c, instruction.c, instruction.jump)
        case .abx:
            add(row.b, instruction.bx, instruction.sbx)
        }
        let words = [opcode.name] + operands
        return words.joined(separator: " ") + (notes.isEmpty ? "" : " ; " + notes.joined(separator: ", "))
    }

    /// Numbers for the targets of jumps, in the order of the code.
    package func labels(of function: FunctionPrototype) -> [Int: Int] {
        var targets: Set<Int> = []
        for pc in function.code.indices {
            let instruction = Instruction(word: function.code[pc])
            guard instruction.checkedOpcode != nil, let distance = instruction.jumpDistance else { continue }
            targets.insert(pc + 1 + distance)
        }
        for handler in function.handlers { targets.insert(Int(handler.target)) }
        return Dictionary(uniqueKeysWithValues: targets.sorted().enumerated().map { ($1, $0) })
    }

    private func heading(of function: FunctionPrototype) -> String {
        let kind = switch function.kind {
        case .script: "script"
        case .function: "function"
        case .method: "method"
        case .initializer: "initializer"
        case .getter: "getter"
        }
        var arity = String(function.requiredCount)
        if function.hasRest { arity += "+" } else if function.requiredCount < function.arity { arity += "-\(function.arity)" }
        let name = function.kind == .script ? kind : "\(kind) \(function.name ?? "")/\(arity)"
        var text = "\(name): \(function.registerCount) registers, \(function.code.count) instructions"
        if !function.captures.isEmpty {
            text += ", captures " + function.captures.map { source in
                switch source {
                case .register(let register): "R\(register)"
                case .capture(let index): "C\(index)"
                case .enclosingSelf: "self"
                }
            }.joined(separator: " ")
        }
        return text
    }

    private func symbol(_ id: Int) -> String {
        program.symbols.indices.contains(id) ? program.symbols[id] : "?"
    }

    private static func text(of constant: Constant) -> String {
        switch constant {
        case .nil: return "nil"
        case .boolean(let value): return value ? "true" : "false"
        case .number(let number):
            let text = number.description
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        case .string(let bytes):
            let shown = bytes.prefix(40)
            return "\"" + String(decoding: shown, as: UTF8.self).debugDescription.dropFirst().dropLast() + "\""
                + (bytes.count > shown.count ? "…" : "")
        }
    }

    private static func padded(_ text: String, to width: Int, left: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.utf8.count))
        return left ? padding + text : text + padding
    }
}

extension Opcode {
    /// The mnemonic.
    package var name: String { description.name.description }
}
