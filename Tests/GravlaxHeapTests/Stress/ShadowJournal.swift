/// What became of each object of a shadow, kept apart from the shadow itself: if the two disagree, memory was
/// overwritten; if they agree, the shadow's own logic is wrong.
struct ShadowJournal {
    enum Fate: String { case here, sent, returned, forgotten }

    private let firstNumber: UInt64
    private var addresses: [UInt] = []
    private var fates: [Fate] = []

    init(firstNumber: UInt64) { self.firstNumber = firstNumber }

    /// Whether `number` is the next one.
    mutating func adopt(_ number: UInt64, at address: UInt) -> Bool {
        addresses.append(address)
        fates.append(.here)
        return number == firstNumber + UInt64(addresses.count)
    }

    /// Those of other shadows are passed over.
    mutating func end(_ numbers: some Sequence<UInt64>, _ fate: Fate) {
        for number in numbers { if let place = place(number) { fates[place] = fate } }
    }

    subscript(_ number: UInt64) -> String {
        guard let place = place(number) else { return "not one of \(addresses.count) from \(firstNumber)" }
        return "\(fates[place]), at \(String(addresses[place], radix: 16)), of \(addresses.count)"
    }

    private func place(_ number: UInt64) -> Int? {
        guard number > firstNumber, number - firstNumber <= UInt64(addresses.count) else { return nil }
        return Int(number - firstNumber) - 1
    }
}
