// `try` statements. Without an error they cost nothing but, with `finally`, two registers:
//
//     R[base]      why the final block runs: a `Departure`
//     R[base + 1]  the error that is pending, or the value that is being returned
//
// What leaves the statement early (`return`, `break`, `continue`, an error) notes that and jumps to the one copy of the
// final block; at its end the departure goes on, through the next final block outside if there is one.

extension Generator {
    /// Why a final block runs.
    enum Departure: Int, CaseIterable {
        case end, error, `return`, `break`, `continue`
    }

    /// A `finally` whose `try` and `catch` blocks are being generated.
    struct OpenFinal {
        /// The first of its two registers.
        let register: Int
        /// How many loops are around the statement, in this function.
        let loopCount: Int
        /// Jumps to the final block.
        var arrivals: [PendingJump] = []
        /// The departures that occur, with a statement for each `break` or `continue`.
        var departures: [Departure: StatementID?] = [:]
    }

    /// Whether `break` and `continue` leave a statement with a final block here.
    var leavesFinal: Bool {
        guard let state = states.last, let final = state.finals.last else { return false }
        return final.loopCount == state.loops.count
    }

    mutating func emitLoopExit(_ id: StatementID, at place: Place) {
        guard leavesFinal else { return exitLoop(id, jump(.jmp, at: place)) }
        if case .break = tree[id] { depart(.break, id, at: place) } else { depart(.continue, id, at: place) }
    }

    /// Returns a register, or what the function returns when it says nothing, through the final blocks around.
    mutating func leaveFunction(_ register: Int?, at place: Place) {
        guard let final = states[states.count - 1].finals.last else { return emitReturn(register, at: place) }
        if let register {
            emit(.move, a: final.register + 1, b: register, at: place)
        } else if states.last?.kind == .initializer {
            emit(.move, a: final.register + 1, b: 0, at: place)
        } else {
            emit(.loadnil, a: final.register + 1, b: 1, at: place)
        }
        depart(.return, nil, at: place)
    }

    private mutating func depart(_ departure: Departure, _ id: StatementID?, at place: Place) {
        let function = states.count - 1
        let last = states[function].finals.count - 1
        let register = states[function].finals[last].register
        emitDeparture(departure, register, at: place)
        let arrival = jump(.jmp, at: place)
        states[function].finals[last].arrivals.append(arrival)
        states[function].finals[last].departures[departure] = .some(id)
    }

    private mutating func emitDeparture(_ departure: Departure, _ register: Int, at place: Place) {
        builder.emit(.loadint, a: register, sbx: departure.rawValue, line: place.line, span: place.span)
    }

    mutating func tryStatement(_ body: [StatementID], _ handler: CatchClause?, _ final: [StatementID]?, at place: Place) {
        guard let final else {
            guarded(body, handler, at: place)
            return
        }
        let function = states.count - 1
        let base = top
        emitDeparture(.end, base, at: place)
        builder.push()
        _ = pushNil(at: place)
        states[function].finals.append(OpenFinal(register: base, loopCount: states[function].loops.count))
        let start = builder.label()
        guarded(body, handler, at: place)
        let end = builder.pc
        var open = states[function].finals.removeLast()
        if start < end {
            if builder.fallsThrough { open.arrivals.append(jump(.jmp, at: place)) }
            builder.handle(from: start, to: end)
            emit(.move, a: base + 1, b: base + 2, at: place)
            emitDeparture(.error, base, at: place)
            builder.release(to: base + 2)
            open.departures[.error] = .some(nil)
        }
        builder.bind(open.arrivals)
        for statement in final { generate(statement) }
        builder.release(to: base + 2)
        for departure in Departure.allCases {
            if let exit = open.departures[departure] { resume(departure, exit, base, at: place) }
        }
        builder.release(to: base)
    }

    /// Goes on with a departure at the end of a final block, when that is why it ran.
    private mutating func resume(_ departure: Departure, _ exit: StatementID?, _ base: Int, at place: Place) {
        let reason = builder.constant(.number(Double(departure.rawValue)))
        let other = jump(.jnek, a: base, b: reason, at: place)
        switch departure {
        case .end: break
        case .error: emit(.throw, a: base + 1, b: 1, at: place)
        case .return: leaveFunction(base + 1, at: place)
        case .break, .continue: if let exit { emitLoopExit(exit, at: place) }
        }
        builder.bind(other)
    }

    /// A block, and what catches its errors.
    private mutating func guarded(_ body: [StatementID], _ handler: CatchClause?, at place: Place) {
        let base = top
        let start = builder.label()
        for statement in body { generate(statement) }
        builder.release(to: base)
        guard let handler else { return }
        let end = builder.pc
        // Nothing in it can fail when there is nothing in it.
        guard start < end else { return }
        let after = builder.fallsThrough ? jump(.jmp, at: place) : nil
        builder.handle(from: start, to: end)
        if let variable = resolution.declarations[handler.name.span.start] {
            own(variable, register: base, at: self.place(of: handler.name))
        }
        for statement in handler.body { generate(statement) }
        builder.release(to: base)
        if let after { builder.bind(after) }
    }
}
