// What the parser knows of the functions, classes and blocks around it: as much as the
// errors need that are not the grammar's. Which declaration a name means is the
// resolver's business, after the parser; these errors stand among those of the grammar
// in the order in which clox's single pass finds them, so they are found here.

struct OpenScopes {
    enum FunctionKind { case script, function, method, initializer }

    private struct OpenFunction {
        let kind: FunctionKind
        /// The loops around, in this function.
        var loopCount = 0
        /// What was being initialised outside.
        var initialising: String?
    }

    private var functions = [OpenFunction(kind: .script)]
    /// For each class around, whether it has a superclass.
    private var classes: [Bool] = []
    /// Empty at the top level of the script.
    private var blocks: [Names] = []
    /// The local variable or parameter whose initialiser is being parsed, in this function.
    private(set) var initialising: String?

    var function: FunctionKind { functions[functions.count - 1].kind }
    var isInLoop: Bool { functions[functions.count - 1].loopCount > 0 }
    var isGlobal: Bool { blocks.isEmpty }
    var isInClass: Bool { !classes.isEmpty }
    var classHasSuperclass: Bool { classes.last ?? false }

    mutating func openBlock() { blocks.append(Names()) }
    mutating func closeBlock() { blocks.removeLast() }

    mutating func openFunction(_ kind: FunctionKind) {
        functions.append(OpenFunction(kind: kind, initialising: initialising))
        initialising = nil
        openBlock()
    }

    mutating func closeFunction() {
        closeBlock()
        initialising = functions.removeLast().initialising
    }

    mutating func openLoop() { functions[functions.count - 1].loopCount += 1 }
    mutating func closeLoop() { functions[functions.count - 1].loopCount -= 1 }

    mutating func openClass() { classes.append(false) }
    mutating func setSuperclass() { classes[classes.count - 1] = true }
    mutating func closeClass() { classes.removeLast() }

    /// Declares a name in the innermost block. False when that has one already; at the top level anything goes.
    mutating func declare(_ name: String) -> Bool {
        isGlobal || blocks[blocks.count - 1].insert(name)
    }

    /// Whether a block around declares the name, so far.
    func isDeclared(_ name: String) -> Bool { blocks.contains { $0.contains(name) } }

    mutating func beginInitialiser(of name: String) { initialising = isGlobal ? nil : name }
    mutating func endInitialiser() { initialising = nil }

    /// The names of a block: few as a rule, and then searching beats hashing.
    private struct Names {
        private static let searched = 8
        private var first: [String] = []
        private var others: Set<String> = []

        func contains(_ name: String) -> Bool { first.contains(name) || others.contains(name) }

        mutating func insert(_ name: String) -> Bool {
            if first.contains(name) { return false }
            if first.count == Self.searched { return others.insert(name).inserted }
            first.append(name)
            return true
        }
    }
}
