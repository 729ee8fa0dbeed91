import GravlaxRuntime
import Testing

@Suite struct NumberFormattingTests {
    @Test(arguments: [
        (0.0, "0"), (-0.0, "-0"), (1, "1"), (-17, "-17"), (0.1, "0.1"), (-2.5, "-2.5"), (100, "100"),
        (123456789, "123456789"), (9007199254740991, "9007199254740991"), (9007199254740992, "9007199254740992"),
        (1e20, "100000000000000000000"), (0x1.ac53a7e04bcdap66, "123456789012345680000"), (1e21, "1e+21"),
        (1.5e300, "1.5e+300"), (1e-6, "0.000001"), (1.5e-7, "0.00000015"), (1e-7, "0.0000001"), (9.9e-8, "9.9e-8"), (0.00001234, "0.00001234"),
        (Double.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (0.30000000000000004, "0.30000000000000004"),
        (3.141592653589793, "3.141592653589793"), (1234.5678, "1234.5678"), (.infinity, "inf"), (-.infinity, "-inf"),
        (.nan, "nan"), (1e16, "10000000000000000"), (18014398509481984, "18014398509481984"),
    ])
    func text(number: Double, text: String) {
        #expect(NumberFormatting.text(number) == text)
    }

    @Test func everyTextReadsBack() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let number = Double(bitPattern: UInt64.random(in: .min ... .max, using: &generator))
            guard number.isFinite else { continue }
            #expect(Double(NumberFormatting.text(number)) == number)
        }
    }
}
