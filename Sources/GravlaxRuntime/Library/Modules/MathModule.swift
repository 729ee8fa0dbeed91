import Glibc

/// The module `std/math`.
extension Machine {
    func runMath(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        switch builtin {
        case .pi: return Value(unchecked: .pi)
        case .e: return Value(unchecked: M_E)
        case .infinity: return Value(unchecked: .infinity)
        case .notANumber: return Value(number: .nan)
        case .maxInteger: return Value(unchecked: 0x1p53 - 1)
        case .minimum, .maximum: return extreme(builtin, window, argumentCount)
        default: break
        }
        let x = Value(bits: window[1]).number
        if argumentCount == 1 { return Value(number: function(builtin, x)) }
        let y = Value(bits: window[2]).number
        switch builtin {
        case .pow: return Value(number: Glibc.pow(x, y))
        case .atan2: return Value(number: Glibc.atan2(x, y))
        case .hypot: return Value(number: Glibc.hypot(x, y))
        case .log: return Value(number: Glibc.log(x) / Glibc.log(y))
        case .clamp:
            let upper = Value(bits: window[3]).number
            guard y <= upper else { return failed("math.clamp expects a 'low' that is not above 'high'.") }
            return Value(number: Swift.min(Swift.max(x, y), upper))
        default: fatalError("not a member of std/math")
        }
    }

    private func function(_ builtin: Builtin, _ x: Double) -> Double {
        switch builtin {
        case .abs: x.magnitude
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .round: x.rounded(.toNearestOrAwayFromZero)
        case .truncate: x.rounded(.towardZero)
        case .sign: x.isNaN || x == 0 ? x : x < 0 ? -1 : 1
        case .sqrt: x.squareRoot()
        case .cbrt: Glibc.cbrt(x)
        case .exp: Glibc.exp(x)
        case .log: Glibc.log(x)
        case .log2: Glibc.log2(x)
        case .log10: Glibc.log10(x)
        case .sin: Glibc.sin(x)
        case .cos: Glibc.cos(x)
        case .tan: Glibc.tan(x)
        case .asin: Glibc.asin(x)
        case .acos: Glibc.acos(x)
        case .atan: Glibc.atan(x)
        case .sinh: Glibc.sinh(x)
        case .cosh: Glibc.cosh(x)
        case .tanh: Glibc.tanh(x)
        default: fatalError("not a member of std/math")
        }
    }

    /// Of two numbers or more; a NaN among them is the answer.
    private func extreme(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, _ argumentCount: Int) -> Value {
        var result = Value(bits: window[1]).number
        for index in 1..<argumentCount + 1 {
            let number = Value(bits: window[index]).number
            if number.isNaN { return Value(number: number) }
            if builtin == .minimum ? number < result : number > result { result = number }
        }
        return Value(number: result)
    }
}
