import GravlaxCompiler

/// The programs that a machine has taken up, by number. Objects know their function's program by that number; what may
/// outlive a program, a trace say, knows it by its serial, which is never given again.
struct ProgramTable {
    private(set) var instances: [ProgramInstance] = []
    /// Numbers of those that may run again.
    private var numbers: [ObjectIdentifier: Int] = [:]
    /// Numbers of those that no trace shows: they stand for the host.
    private var hidden: Set<Int> = []
    private var nextSerial = 0

    subscript(number: Int) -> ProgramInstance { instances[number] }

    func isHidden(_ number: Int) -> Bool { hidden.contains(number) }

    /// - Parameters:
    ///   - isPrelude: the program sees the built-ins that no script does.
    ///   - slots: see `ProgramInstance.init`.
    mutating func add(
        _ program: Program, symbolTable: inout SymbolTable, isHidden: Bool = false, isPrelude: Bool = false,
        slots: [Int]? = nil
    ) -> ProgramInstance {
        if isHidden { hidden.insert(instances.count) }
        let instance = ProgramInstance(
            program, number: instances.count, serial: nextSerial, symbolTable: &symbolTable, isHidden: isPrelude, slots: slots)
        nextSerial += 1
        instances.append(instance)
        return instance
    }

    /// Of one that has not run, or has and is forgotten.
    mutating func dropLast() {
        instances.removeLast()
        hidden.remove(instances.count)
    }

    /// Nil: it is gone.
    func program(serial: Int) -> Program? {
        var (low, high) = (0, instances.count)
        while low < high {
            let middle = (low + high) / 2
            if instances[middle].serial < serial { low = middle + 1 } else { high = middle }
        }
        return low < instances.count && instances[low].serial == serial ? instances[low].program : nil
    }

    /// The instance of a program that has been remembered.
    func instance(of program: Program) -> ProgramInstance? { numbers[ObjectIdentifier(program)].map { instances[$0] } }

    /// Has the last one found again when its program runs again.
    mutating func rememberLast() { numbers[ObjectIdentifier(instances[instances.count - 1].program)] = instances.count - 1 }

    /// Lets go of a program that has run and does not run again, if nothing can be left of it: it has no function but the
    /// script, and nothing remembers a place in it. Constants, caches and code of a text that is evaluated often would
    /// remain each time.
    mutating func forget(_ program: Program) {
        guard let number = numbers[ObjectIdentifier(program)], number == instances.count - 1,
            program.functions.count == 1, program.classes.isEmpty, !instances[number].isReferred
        else { return }
        numbers[ObjectIdentifier(program)] = nil
        dropLast()
    }
}
