import GravlaxRuntime
import Testing

@Suite struct ObjectKindTests {
    /// `Mutator.barrierBit` added to a header hides its kind from the loop's fast paths.
    @Test func noKindHasTheBarrierBit() {
        #expect((UInt8(0)..<0x80).contains { ObjectKind(rawValue: $0) != nil })
        #expect((UInt8(0x80)...0xFF).allSatisfy { ObjectKind(rawValue: $0) == nil })
    }
}
