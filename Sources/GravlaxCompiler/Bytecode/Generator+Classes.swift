// Class declarations.

extension Generator {
    /// In the order of clox: the class exists and has its name, then the superclass is evaluated, then the methods are added.
    mutating func declareClass(_ name: Name, _ superclass: Name?, _ members: [ClassMember], at place: Place) {
        let base = top
        let nameplate = self.place(of: name)
        let index = classes.count
        classes.append(ClassPrototype(name: name.text, fieldNames: []))
        classFields.append([])
        emit(.class, a: base, bx: index, at: nameplate)
        builder.push()
        var classRegister = base
        var keep = base
        if let variable = resolution.declarations[name.span.start] {
            keep = base + 1
            own(variable, register: base, at: nameplate)
            if resolution[variable].livesInCell {
                emit(.getcell, a: top, b: base, at: nameplate)
                classRegister = top
                builder.push()
            }
        } else {
            emit(.defglobal, a: base, bx: globalSlot(name.text), at: nameplate)
        }
        if let superclass {
            let register = top
            pushVariable(superclass)
            if let hidden = resolution.superclasses[name.span.start] { registers[Int(hidden.index)] = Int32(register) }
            emit(.inherit, a: classRegister, b: register, at: self.place(of: superclass))
        }
        for member in members {
            switch member {
            case .method(let function): add(function, tree[function].name.text == "init" ? .initializer : .method, to: classRegister)
            case .getter(let function): add(function, .getter, to: classRegister)
            case .staticMethod(let function): addStatic(function, .method, to: classRegister)
            case .staticGetter(let function): addStatic(function, .getter, to: classRegister)
            case .staticField: break
            }
        }
        classes[index] = ClassPrototype(name: name.text, fieldNames: classFields.removeLast())
        addFields(of: name, members, classRegister)
        builder.release(to: keep)
    }

    private mutating func add(_ method: FunctionID, _ kind: FunctionPrototype.Kind, to classRegister: Int) {
        let function = tree[method]
        pushClosure(method, kind: kind)
        emit(
            .method, a: classRegister, b: top - 1, c: symbol(function.name.text),
            at: Place(span: function.span, line: function.line))
        builder.release(to: top - 1)
    }

    private mutating func addStatic(_ method: FunctionID, _ kind: FunctionPrototype.Kind, to classRegister: Int) {
        let function = tree[method]
        // What it assigns to `this` is no field of instances.
        classFields.append([])
        pushClosure(method, kind: kind)
        classFields.removeLast()
        emit(
            .staticmember, a: classRegister, b: top - 1, c: symbol(function.name.text),
            at: Place(span: function.span, line: function.line))
        builder.release(to: top - 1)
    }

    /// Static fields come last: their values may call everything in the class, and let others inherit from it.
    private mutating func addFields(of name: Name, _ members: [ClassMember], _ classRegister: Int) {
        var receiver: Int?
        for case .staticField(let field, let value) in members {
            let place = place(of: field)
            if receiver == nil {
                // A copy, whatever becomes of the variable with the class.
                receiver = top
                emit(.move, a: top, b: classRegister, at: place)
                builder.push()
                if let hidden = resolution.classReceivers[name.span.start] { registers[Int(hidden.index)] = Int32(top - 1) }
            }
            guard let receiver else { return }
            classFields.append([])
            let register = operand(value)
            classFields.removeLast()
            emit(.staticmember, a: receiver, b: register, c: symbol(field.text), at: place)
            builder.release(to: receiver + 1)
        }
    }
}
