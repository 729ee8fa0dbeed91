import Foundation
import GravlaxHeap
import Testing

@Suite struct SizeClassTableTests {
    private static var source: URL {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.appendingPathComponent("Sources/GravlaxHeap/Spans/SizeClassTable.swift")
    }

    @Test func theCommittedFileIsWhatTheGeneratorRenders() throws {
        let rendered = SizeClassGenerator().render()
        if ProcessInfo.processInfo.environment["GRAVLAX_REGENERATE"] == "1" {
            try rendered.write(to: Self.source, atomically: true, encoding: .utf8)
        }
        let committed = try String(contentsOf: Self.source, encoding: .utf8)
        #expect(committed == rendered, "run with GRAVLAX_REGENERATE=1")
    }

    /// The sizes of Go 1.16, by hand.
    @Test func sizesAreThoseOfGo() {
        #expect(SizeClassTable.size == [
            0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384,
            416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072,
            3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336,
            16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
        ])
        #expect(SizeClassTable.size.count == SizeClass.count)
    }

    @Test func columnsHaveOneEntryPerClassAndClassZeroIsEmpty() {
        let counts = [
            SizeClassTable.pages.count, SizeClassTable.divShift.count, SizeClassTable.divMul.count,
            SizeClassTable.divShift2.count, SizeClassTable.baseMask.count,
        ]
        #expect(counts.allSatisfy { $0 == SizeClass.count })
        #expect(SizeClassTable.size[0] == 0 && SizeClassTable.pages[0] == 0 && SizeClassTable.divShift[0] == 0)
        #expect(SizeClassTable.divMul[0] == 0 && SizeClassTable.divShift2[0] == 0 && SizeClassTable.baseMask[0] == 0)
    }

    @Test func sizesAscendAndAreAligned() {
        for index in 1..<SizeClass.count {
            let size = SizeClassTable.size[index]
            #expect(size > SizeClassTable.size[index - 1])
            #expect(size % 8 == 0)
            if size > 32 { #expect(size % 16 == 0) }
        }
    }

    @Test func atMostAnEighthOfASpanIsLeftOver() {
        for index in 1..<SizeClass.count {
            let span = Int(SizeClassTable.pages[index]) * HeapConstants.pageSize
            #expect(span % Int(SizeClassTable.size[index]) <= span / 8)
        }
    }

    @Test func lookupIsTheFirstClassThatFits() {
        #expect(SizeClassTable.sizeToClass8.count == 129)
        #expect(SizeClassTable.sizeToClass128.count == 249)
        for byteCount in 1...HeapConstants.maxSmallSize {
            let expected = SizeClassTable.size.firstIndex { Int($0) >= byteCount }!
            if Int(SizeClass.fitting(byteCount).rawValue) != expected {
                Issue.record("\(byteCount) bytes: \(SizeClass.fitting(byteCount)), not \(expected)")
                return
            }
        }
    }

    @Test func divisionIsExactForAllOffsets() {
        for index in 1..<SizeClass.count {
            let size = SizeClassTable.size[index]
            let shift = UInt32(SizeClassTable.divShift[index])
            let mul = SizeClassTable.divMul[index]
            let shift2 = UInt32(SizeClassTable.divShift2[index])
            let span = UInt32(SizeClassTable.pages[index]) * UInt32(HeapConstants.pageSize)
            for offset in 0..<span {
                let (product, overflow) = (offset >> shift).multipliedReportingOverflow(by: mul)
                if overflow || product >> shift2 != offset / size {
                    Issue.record("size \(size), offset \(offset)")
                    return
                }
            }
        }
    }

    @Test func baseMaskCutsDownToTheObjectForPowersOfTwo() {
        for index in 1..<SizeClass.count {
            let size = SizeClassTable.size[index]
            let mask = UInt32(SizeClassTable.baseMask[index])
            if size.nonzeroBitCount != 1 {
                #expect(mask == 0)
                continue
            }
            let span = UInt32(SizeClassTable.pages[index]) * UInt32(HeapConstants.pageSize)
            #expect(span <= 1 << 16)
            #expect((0..<span).allSatisfy { $0 & mask == $0 / size * size })
        }
    }
}
