import Gravlax

/// What scripts see as the class `Account`.
final class Account: HostObject {
    let owner: String
    private(set) var balance = 0.0
    /// A function of a script's that is told of each change. By a reference, since it may well refer to the account: a
    /// `Value` here would keep both alive for good.
    let onChange = HostReference<Value>()

    init(owner: String) { self.owner = owner }

    deinit { print("the account of \(owner) is closed") }

    func deposit(_ amount: Double) throws {
        guard amount > 0 else { throw ScriptError("\(amount) is no amount.") }
        balance += amount
        _ = try onChange.value?(self, amount)
    }
}

extension Account {
    static func define(in interpreter: Interpreter) throws {
        try interpreter.define("Account", as: Account.self) { type in
            type.initializer { (owner: String) in Account(owner: owner) }
            type.property("owner", \.owner)
            type.property("balance", get: { $0.balance })
            type.text { account in "the account of \(account.owner)" }
            type.reference("onChange", \.onChange)
            type.method("deposit") { (account: Account, amount: Double) in try account.deposit(amount) }
        }
    }
}
