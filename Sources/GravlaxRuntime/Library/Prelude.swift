import GravlaxCompiler

/// The part of the library that is written in Gravlax: what calls functions of scripts.
///
/// The text is compiled when one of its functions is called first. Functions are the methods of its classes; they capture
/// nothing and use no globals, so that no program can reach into them, and their closures are made without running
/// anything. Their calls are left out of traces: an error in them, or in what they call, is shown where the script calls.
/// `native_x` in the text is the built-in `x` that only the prelude sees.
enum Prelude {
    enum Function: Int, CaseIterable {
        case map, filter, reduce, reduceFrom, each, sortBy, joinTexts, textOf

        var name: String { "\(self)" }
    }

    static let sourceName = "the library"

    static let source = """
        class List {
          map(f) {
            var result = [];
            for (var x in this) result.push(f(x));
            return result;
          }

          filter(f) {
            var result = [];
            for (var x in this) if (f(x)) result.push(x);
            return result;
          }

          reduce(f) {
            var result;
            for (var i, x in this) if (i == 0) result = x; else result = f(result, x);
            return result;
          }

          reduceFrom(f, initial) {
            for (var x in this) initial = f(initial, x);
            return initial;
          }

          each(f) {
            for (var x in this) f(x);
          }

          // Merges runs that double in length, from one copy into another: whatever the comparator does, both are whole,
          // and the list itself changes at the end.
          sortBy(f) {
            var count = this.count;
            var from = this.copy();
            var to = this.copy();
            for (var width = 1; width < count; width = width * 2) {
              for (var start = 0; start < count; start = start + 2 * width) {
                var middle = start + width;
                if (middle > count) middle = count;
                var end = middle + width;
                if (end > count) end = count;
                var left = start;
                var right = middle;
                var place = start;
                while (left < middle and right < end) {
                  var answer = f(from[right], from[left]);
                  if (answer == true or answer != false and this.native_sortsBefore(answer)) {
                    to[place] = from[right];
                    right = right + 1;
                  } else {
                    to[place] = from[left];
                    left = left + 1;
                  }
                  place = place + 1;
                }
                while (left < middle) {
                  to[place] = from[left];
                  left = left + 1;
                  place = place + 1;
                }
                while (right < end) {
                  to[place] = from[right];
                  right = right + 1;
                  place = place + 1;
                }
              }
              var other = from;
              from = to;
              to = other;
            }
            return this.native_endSort(from);
          }

          joinTexts(separator) {
            var texts = [];
            for (var x in this) texts.push("${x}");
            return texts.join(separator);
          }

          // The text of a value in which this list's elements have texts of their own.
          textOf(value) {
            var texts = {};
            for (var x in this) texts[x] = this.native_checkText(x, this.native_textMethod(x)());
            return this.native_write(value, texts);
          }
        }
        """
}

extension Machine {
    /// The prelude's function that does the work of a built-in, if one does. `nil` also when the arguments are wrong, with
    /// the failure set.
    func preludeFunction(
        _ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int
    ) -> Prelude.Function? {
        switch builtin {
        case .map: return .map
        case .filter: return .filter
        case .each: return .each
        case .reduce:
            if argumentCount == 2 { return .reduceFrom }
            if ListObject.count(Value(bits: window[0]).words) > 0 { return .reduce }
            _ = fail("list.reduce expects an 'initial' value for a list without elements.")
            return nil
        case .sort: return argumentCount == 1 && window[1] != Value.nilBits ? .sortBy : nil
        case .str:
            guard hasOwnTexts else { return nil }
            return preludeText(window)
        case .join: return hasPlainTexts(Value(bits: window[0]).words) == false ? .joinTexts : nil
        default: return nil
        }
    }

    /// `str`: R[0] becomes the list of the instances that have texts of their own, if there are any.
    private func preludeText(_ window: UnsafeMutablePointer<UInt64>) -> Prelude.Function? {
        let value = Value(bits: window[1])
        let instances: Value
        switch value.kind {
        case .list, .map:
            guard let found = instancesWithTexts(in: value) else { return nil }
            if ListObject.count(found.words) == 0 { return nil }
            instances = found
        default:
            guard textMethod(of: value) != nil, let list = makeList(capacity: 1) else { return nil }
            _ = push(value.bits, to: list.words)
            instances = list
        }
        window[0] = instances.bits
        return .textOf
    }

    /// Calls a function of the prelude, whose receiver is in the register `window` and whose arguments follow. Arguments that
    /// are missing are nil.
    func callPrelude(
        _ frame: FramePointer, _ function: Prelude.Function, window: Int, argumentCount: Int
    ) -> FramePointer? {
        guard let closure = preludeClosure(function) else { return nil }
        let prototype = ClosureObject.prototype(closure.words)
        guard
            let callee = pushFrame(
                frame, base: frame.pointee.base + window, closure: closure.bits, prototype)
        else { return nil }
        for index in argumentCount..<max(prototype.pointee.arity, argumentCount) {
            callee.pointee.base[index + 1] = Value.nilBits
        }
        return callee
    }

    /// The closure of a function of the prelude. At a safepoint; `nil`: no memory, and the failure is set.
    func preludeClosure(_ function: Prelude.Function) -> Value? {
        let place = preludeClosures + function.rawValue
        if place.pointee != 0 { return Value(bits: place.pointee) }
        guard let instance = readyPrelude() else { return nil }
        let number = instance.program.functions.firstIndex { $0.kind == .method && $0.name == function.name }
        guard let number, instance.program.functions[number].captures.isEmpty else {
            fatalError("the prelude has no function of this name")
        }
        guard let closure = makeClosure(instance.functions + number) else { return nil }
        mutator.store(closure.bits, to: place)
        return closure
    }

    private func readyPrelude() -> ProgramInstance? {
        if let prelude { return prelude }
        guard
            let program = try? Compiler.compile(
                source: Array(Prelude.source.utf8), name: Prelude.sourceName, globalNames: [])
        else {
            // Its text is right: the compiler lacks memory.
            failure = .outOfMemory
            return nil
        }
        let instance = programs.add(program, symbolTable: &symbols, isPrelude: true)
        guard instance.makeConstants(self) else {
            programs.dropLast()
            return nil
        }
        prelude = instance
        return instance
    }
}
