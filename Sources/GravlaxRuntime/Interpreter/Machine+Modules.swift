import GravlaxCompiler
import GravlaxHeap

/// A file that was imported, in an interpreter.
struct FileModule {
    let path: String
    /// Its script: what an import runs, once.
    let script: UnsafeMutablePointer<PrototypeRecord>
    /// Global slots of its members, by the interpreter's symbol.
    let members: [Int32: Int]
    /// Whether the script has come to its end.
    var isFinished = false
}

/// Modules: those that come with the language, and files. A file's globals are slots of the one global table, under names
/// that no other file can write.
extension Machine {
    /// What imports call the module.
    func path(ofModule words: ObjectWords) -> String {
        let number = upperHalf(words[0])
        return number < BuiltinModules.paths.count
            ? BuiltinModules.paths[number] : fileModules[number - BuiltinModules.paths.count].path
    }

    /// Where a program finds its globals.
    struct GlobalPlaces {
        /// For each slot of the program; nil: as it was compiled.
        let slots: [Int]?
        /// All globals, once the program has been added.
        let names: [String]
    }

    /// A program that was compiled for this interpreter, after those before it, has its globals where it was told. One that
    /// was compiled for any interpreter finds them by their names; the others are added.
    func globalPlaces(of program: Program) -> GlobalPlaces {
        if program.globalNames.starts(with: globalNames) { return GlobalPlaces(slots: nil, names: program.globalNames) }
        var names = globalNames
        var known = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let slots = program.globalNames.map { name in
            if let slot = known[name] { return slot }
            known[name] = names.count
            names.append(name)
            return names.count - 1
        }
        return GlobalPlaces(slots: slots, names: names)
    }

    /// Makes what a program's imports need: its modules, and what their slots hold at first. False: out of memory.
    func link(_ program: Program, _ places: GlobalPlaces) -> Bool {
        let known = globalNames.count
        extendGlobals(to: places.names)
        for module in program.modules where fileModuleNumbers[module.scope ?? ""] == nil {
            guard add(module, places.slots) else { return false }
        }
        for slot in 0..<globalNames.count where state.pointee.globals[slot] == Value.undefinedBits {
            guard define(slot, isNew: slot >= known) else { return false }
        }
        return true
    }

    /// - Parameter slots: those of the program; a module's globals are the first of them.
    private func add(_ module: Program, _ slots: [Int]?) -> Bool {
        let instance = programs.add(module, symbolTable: &symbols, slots: slots)
        guard let scope = module.scope, instance.makeConstants(self) else {
            programs.dropLast()
            return false
        }
        let prefix = Program.globalName("", in: scope)
        var members: [Int32: Int] = [:]
        for (slot, name) in module.globalNames.enumerated() where name.hasPrefix(prefix) {
            members[symbols.intern(String(name.dropFirst(prefix.count)))] = slots?[slot] ?? slot
        }
        fileModuleNumbers[scope] = fileModules.count
        fileModules.append(FileModule(path: module.sourceName, script: instance.functions, members: members))
        return true
    }

    /// The names that every file can use without declaring them: the first global slots.
    static let libraryGlobalNames = BuiltinTable.globals.map(\.name) + ["Error"]

    /// What a global of the library is at first. `nil`: out of memory.
    func makeLibraryGlobal(_ number: Int) -> Value? {
        let rows = BuiltinTable.globals
        return number < rows.count ? makeNative(rows[rows.startIndex + number].builtin) : Value(bits: errorClass)
    }

    /// Gives a slot that is called after a module the module, and a file's slot that is called like a function of the library
    /// that function.
    private func define(_ slot: Int, isNew: Bool) -> Bool {
        let name = globalNames[slot]
        if !grants.allows(name) { return true }
        if let number = BuiltinModules.paths.firstIndex(of: name) ?? fileModuleNumbers[name].map({ $0 + BuiltinModules.paths.count }) {
            guard let module = makeModule(number) else { return false }
            mutator.store(module.bits, to: state.pointee.globals + slot)
        } else if isNew, name.utf8.contains(0) {
            let own = Program.ownName(ofGlobal: name)
            guard let number = Machine.libraryGlobalNames.firstIndex(of: own) else { return true }
            guard let value = makeLibraryGlobal(number) else { return false }
            mutator.store(value.bits, to: state.pointee.globals + slot)
        }
        return true
    }

    /// The value of a file's member; `nil` when there is none. What every file can name without declaring it is no member.
    private func member(_ symbol: Int32, ofFile number: Int) -> (slot: Int, value: Value)? {
        guard let slot = fileModules[number].members[symbol] else { return nil }
        let value = Value(bits: state.pointee.globals[slot])
        if value == .undefined { return nil }
        if value.kind == .native || value.bits == errorClass, Machine.libraryGlobalNames.contains(symbols.name(symbol)) {
            return nil
        }
        return (slot, value)
    }

    /// Names of a file's members that have a value.
    func memberNames(ofFile number: Int) -> [String] {
        fileModules[number].members.keys.filter { member($0, ofFile: number) != nil }.map { symbols.name($0) }.sorted()
    }

    /// The number of the file that a module object stands for; `nil` for a module of the language.
    func fileNumber(_ module: ObjectWords) -> Int? {
        let number = upperHalf(module[0]) - BuiltinModules.paths.count
        return number >= 0 ? number : nil
    }

    /// The member of a file that a site names, remembered there; `nil`: there is none.
    func fileMember(_ module: ObjectWords, _ symbol: Int32, _ site: UnsafeMutablePointer<UInt64>) -> Value? {
        let cache = InlineCache(word: site.pointee)
        if cache.difference(module[0]) == InlineCache.moduleMember << 8 {
            let value = Value(bits: state.pointee.globals[cache.wideSlot])
            if value != .undefined { return value }
        }
        guard let number = fileNumber(module), let found = member(symbol, ofFile: number) else { return nil }
        site.pointee = InlineCache(module: UInt32(upperHalf(module[0])), wideSlot: found.slot).word
        return found.value
    }

    /// Calls a method of a module by which imports run it (`Program.runMethod`, `ranMethod`); `nil` when `symbol` is neither.
    func importStep(_ frame: FramePointer, _ module: ObjectWords, _ symbol: Int32, window: Int) -> FramePointer?? {
        guard let number = fileNumber(module) else { return nil }
        switch symbols.name(symbol) {
        case Program.runMethod:
            if fileModules[number].isFinished { return frame }
            guard let closure = makeClosure(fileModules[number].script) else { return .some(nil) }
            return callClosure(frame, closure.words, window: window, argumentCount: 0)
        case Program.ranMethod:
            fileModules[number].isFinished = true
            return frame
        default:
            return nil
        }
    }
}
