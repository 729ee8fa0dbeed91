// Floating-point numbers as the print function of Go's runtime writes them.

package enum GoFloat {
    /// `+d.dddddde+ddd`: a sign, seven digits, and an exponent of three digits with its sign.
    ///
    /// - Source: Go 1.14 print.go, printfloat.
    package static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        let digitCount = 7
        var value = number.magnitude
        var exponent = 0
        if value > 0 {
            while value >= 10 {
                exponent += 1
                value /= 10
            }
            while value < 1 {
                exponent -= 1
                value *= 10
            }
            value += 5e-7
            if value >= 10 {
                exponent += 1
                value /= 10
            }
        }
        var digits = ""
        for _ in 0..<digitCount {
            let digit = Int(value)
            digits += String(digit)
            value = (value - Double(digit)) * 10
        }
        let magnitude = String(exponent.magnitude)
        return (number.sign == .minus ? "-" : "+") + digits.prefix(1) + "." + digits.dropFirst()
            + (exponent < 0 ? "e-" : "e+") + String(repeating: "0", count: 3 - magnitude.count) + magnitude
    }
}
