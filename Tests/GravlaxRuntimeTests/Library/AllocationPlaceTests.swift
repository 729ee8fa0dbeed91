import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

@Suite struct AllocationPlaceTests {
    /// Lines that allocate, by what they make, in the order of the lines.
    private static let source = """
        class Box {}
        fun make() {
          return Box();
        }
        for (var i = 0; i < 20000; i = i + 1) {
          make();
          [i];
        }
        """

    private func places(profileByteCount: Int) throws -> [AllocationPlace] {
        var configuration = HeapConfiguration()
        configuration.profileByteCount = profileByteCount
        let interpreter = try Interpreter(configuration: configuration) { _ in }
        try interpreter.run(
            try Compiler.compile(source: Array(Self.source.utf8), name: "boxes", globalNames: interpreter.globalNames))
        // Samples count once the cycles that complete them are swept.
        for _ in 0..<3 { interpreter.collect() }
        return interpreter.allocationPlaces()
    }

    @Test func samplesSayWhichLineAllocated() throws {
        let places = try places(profileByteCount: 1_024)
        #expect(Set(places.map(\.line)).isSuperset(of: [3, 7]) && Set(places.map(\.line)).isSubset(of: [0, 1, 2, 3, 5, 7]))
        let boxes = places.filter { $0.line == 3 }
        #expect(boxes.allSatisfy { $0.sourceName == "boxes" && $0.record.frees > 0 })
        // 20,000 boxes, one sample for each kibibyte of them on average.
        let bytes = boxes.reduce(0) { $0 + $1.record.allocs } * 1_024
        let expected = 20_000 * (boxes.first?.record.objectByteCount ?? 0)
        #expect(bytes > expected / 2 && bytes < expected * 2)
    }

    @Test func nothingIsSampledUnlessAskedFor() throws { #expect(try places(profileByteCount: 0).isEmpty) }
}
