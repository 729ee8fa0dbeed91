import Glibc

/// Pseudo-random numbers: xoshiro256** by Blackman and Vigna, seeded by SplitMix64, so that a seed gives the same numbers
/// everywhere and for ever.
struct RandomState: Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
        words = (next(), next(), next(), next())
    }

    mutating func next() -> UInt64 {
        func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
        let result = rotate(words.1 &* 5, 7) &* 9
        let shifted = words.1 << 17
        words.2 ^= words.0
        words.3 ^= words.1
        words.1 ^= words.2
        words.0 ^= words.3
        words.2 ^= shifted
        words.3 = rotate(words.3, 45)
        return result
    }

    /// From 0 to before 1, in steps of 2^-53.
    mutating func nextDouble() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// From 0 to before `bound`, each number as likely as any other.
    mutating func next(below bound: UInt64) -> UInt64 {
        let limit = UInt64.max - UInt64.max % bound
        while true {
            let word = next()
            if word < limit { return word % bound }
        }
    }
}

/// The module `std/random`.
extension Machine {
    func runRandom(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if builtin == .seed {
            random = RandomState(seed: Value(bits: window[1]).number.bitPattern)
            return .nil
        }
        var state = random ?? RandomState(seed: UInt64.random(in: 0 ... .max))
        defer { random = state }
        switch builtin {
        case .randomNumber:
            return Value(unchecked: state.nextDouble())
        case .randomInteger:
            let (low, high) = (Value(bits: window[1]).number, Value(bits: window[2]).number)
            guard low <= high, high - low < 0x1p53 else {
                return failed("random.integer expects a 'low' that is not above 'high'.")
            }
            return Value(number: low + Double(state.next(below: UInt64(high - low) + 1)))
        case .choice:
            let list = Value(bits: window[1]).words
            guard ListObject.count(list) > 0 else { return failed("random.choice expects a list with elements as 'list'.") }
            return Value(bits: ListObject.elements(list)[Int(state.next(below: UInt64(ListObject.count(list))))])
        case .shuffle:
            return shuffle(Value(bits: window[1]), &state)
        default:
            fatalError("not a member of std/random")
        }
    }

    /// Puts the elements in another order, each as likely as any other, and gives the list.
    private func shuffle(_ value: Value, _ state: inout RandomState) -> Value? {
        let list = value.words
        for last in stride(from: ListObject.count(list) - 1, to: 0, by: -1) {
            let other = Int(state.next(below: UInt64(last) + 1))
            let elements = ListObject.elements(list)
            let word = elements[last]
            mutator.store(elements[other], to: elements + last)
            mutator.store(word, to: elements + other)
            guard worked(16) else { return nil }
        }
        return value
    }
}
