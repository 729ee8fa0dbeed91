import Testing

import GravlaxCompiler

@Suite struct DiagnosticRendererTests {
    @Test func caretStandsUnderTheSpan() {
        let renderer = DiagnosticRenderer(name: "a.lox", bytes: Array("x;\n\té = 12;\n".utf8), isColoured: false)
        let text = renderer.text(message: "No.", span: CodeSpan(start: 9, end: 11), note: "really")
        #expect(
            text == """
                error: No.
                 --> a.lox:2:6
                  |
                2 |     é = 12;
                  |         ^^
                  = note: really

                """)
    }

    @Test func longLinesAreTrimmed() {
        let bytes = [UInt8](repeating: 65, count: 1_000_000)
        let text = DiagnosticRenderer(name: "a", bytes: bytes, isColoured: false)
            .text(message: "No.", span: CodeSpan(start: 500_000, end: 900_000))
        #expect(text.utf8.count < 500)
    }

    @Test(arguments: [("cuont", "count"), ("lenght", "length"), ("zzz", nil)])
    func spelling(name: String, expected: String?) {
        #expect(Spelling.closest(to: name, among: ["print", "count", "length"]) == expected)
    }
}
