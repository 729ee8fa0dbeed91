import GravlaxHeap
import Testing

/// Lists over records that belong to no heap.
final class ListFixture {
    let spans: UnsafeMutablePointer<MSpan>
    let lists: UnsafeMutablePointer<MSpanList>
    private let memory: UnsafeMutableRawPointer
    private let count = 6

    init() {
        let byteCount = 6 * MemoryLayout<MSpan>.stride
        memory = .allocate(byteCount: byteCount, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        spans = memory.assumingMemoryBound(to: MSpan.self)
        lists = .allocate(capacity: 2)
        lists.initialize(repeating: MSpanList(), count: 2)
    }

    deinit {
        memory.deallocate()
        lists.deallocate()
    }

    /// The spans of a list by number, front to back; the way back must say the same.
    func contents(_ list: Int) -> [Int] {
        var forth: [Int] = []
        var span = lists[list].first
        while let current = span {
            #expect(current.pointee.list == lists + list)
            forth.append(current - spans)
            span = current.pointee.next
        }
        var back: [Int] = []
        span = lists[list].last
        while let current = span {
            back.append(current - spans)
            span = current.pointee.previous
        }
        #expect(back.reversed() == forth)
        #expect((lists + list).isEmpty == forth.isEmpty)
        return forth
    }
}

@Suite struct MSpanListTests {
    @Test func insertAtBothEnds() {
        let fixture = ListFixture()
        let list = fixture.lists
        #expect(list.isEmpty && fixture.contents(0) == [])
        list.insert(fixture.spans + 1)
        list.insert(fixture.spans)
        list.insertBack(fixture.spans + 2)
        list.insertBack(fixture.spans + 3)
        #expect(fixture.contents(0) == [0, 1, 2, 3])
        #expect((fixture.spans + 2).inList && !(fixture.spans + 4).inList)
    }

    @Test(arguments: [0, 1, 2]) func removeFromAnyPlace(victim: Int) {
        let fixture = ListFixture()
        for index in 0..<3 { fixture.lists.insertBack(fixture.spans + index) }
        let span = fixture.spans + victim
        fixture.lists.remove(span)
        #expect(fixture.contents(0) == [0, 1, 2].filter { $0 != victim })
        #expect(!span.inList && span.pointee.next == nil && span.pointee.previous == nil)
        fixture.lists.insertBack(span)
        #expect(fixture.contents(0).last == victim)
    }

    @Test func theLastOneLeavesAnEmptyList() {
        let fixture = ListFixture()
        fixture.lists.insertBack(fixture.spans)
        fixture.lists.remove(fixture.spans)
        #expect(fixture.contents(0) == [])
        #expect(fixture.lists.pointee.last == nil)
    }

    @Test(arguments: [(0, 0), (0, 2), (2, 0), (2, 3), (1, 1)])
    func takeAllPutsTheOthersInFront(mine: Int, theirs: Int) {
        let fixture = ListFixture()
        for index in 0..<mine { fixture.lists.insertBack(fixture.spans + index) }
        for index in 0..<theirs { (fixture.lists + 1).insertBack(fixture.spans + mine + index) }
        fixture.lists.takeAll(fixture.lists + 1)
        #expect(fixture.contents(0) == Array(mine..<mine + theirs) + Array(0..<mine))
        #expect(fixture.contents(1) == [])
    }

    @Test func misuseIsFatal() async {
        await #expect(processExitsWith: .failure) {
            let fixture = ListFixture()
            fixture.lists.insert(fixture.spans)
            fixture.lists.insert(fixture.spans)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = ListFixture()
            fixture.lists.insert(fixture.spans)
            (fixture.lists + 1).insertBack(fixture.spans)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = ListFixture()
            fixture.lists.insert(fixture.spans)
            (fixture.lists + 1).remove(fixture.spans)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = ListFixture()
            fixture.lists.remove(fixture.spans)
        }
    }
}
