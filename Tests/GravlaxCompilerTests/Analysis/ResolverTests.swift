import GravlaxCompiler
import Testing

/// The errors of clox that are not the grammar's, at the tokens where clox reports them.
@Suite struct ResolverTests {
    let w = TreeWriter()

    private func errors(_ body: StatementID...) -> [String] {
        var tree = w.tree
        tree.body = body
        return Resolver.resolve(tree).1.map(\.loxText)
    }

    @Test func sameNameTwiceInAScope() {
        #expect(errors(w.block(w.variable("a"), w.variable("a"))) == [
            "[line 1] Error at 'a': Already a variable with this name in this scope."
        ])
    }

    @Test func parametersShareTheScopeOfTheBody() {
        #expect(errors(w.function("f", ["a"]) { [w.variable("a")] }) == [
            "[line 1] Error at 'a': Already a variable with this name in this scope."
        ])
    }

    @Test func globalsMayBeDeclaredAgain() {
        #expect(errors(w.variable("a"), w.variable("a")) == [])
    }

    @Test func localInItsOwnInitialiser() {
        let name = w.name("a")
        let declaration = w.add(.var(name, w.v("a")))
        #expect(errors(w.block(declaration)) == [
            "[line 1] Error at 'a': Can't read local variable in its own initializer."
        ])
    }

    @Test func returns() {
        #expect(errors(w.giveBack(nil)) == ["[line 1] Error at 'return': Can't return from top-level code."])
        let initializer = w.functionID("init", []) { [w.giveBack(w.n(1))] }
        #expect(errors(w.add(.class(w.name("A"), superclass: nil, methods: [initializer]))) == [
            "[line 1] Error at 'return': Can't return a value from an initializer."
        ])
    }

    @Test func thisAndSuper() {
        #expect(errors(w.print(w.add(.this))) == ["[line 1] Error at 'this': Can't use 'this' outside of a class."])
        #expect(errors(w.print(w.add(.super(w.name("super"), w.name("m"))))) == [
            "[line 1] Error at 'super': Can't use 'super' outside of a class."
        ])
        let method = w.functionID("m", []) { [w.print(w.add(.super(w.name("super"), w.name("m"))))] }
        #expect(errors(w.add(.class(w.name("A"), superclass: nil, methods: [method]))) == [
            "[line 1] Error at 'super': Can't use 'super' in a class with no superclass."
        ])
    }

    @Test func classInheritsFromItself() {
        #expect(errors(w.add(.class(w.name("A"), superclass: w.name("A"), methods: []))) == [
            "[line 1] Error at 'A': A class can't inherit from itself."
        ])
    }
}
