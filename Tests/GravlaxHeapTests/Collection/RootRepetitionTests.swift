import GravlaxHeap
import Testing

/// What marking takes beside the heap, when roots are many words and few objects, as those of a deep stack.
@Suite struct RootRepetitionTests {
    private final class Scene {
        let heap: Heap
        let roots = RootWords()
        let mutator: Mutator

        init(objects: Int, repetitions: Int) throws {
            var configuration = HeapConfiguration(encoding: .tagged)
            configuration.gcPercent = -1
            // Nobody empties buffers while others are filled.
            configuration.markWorkers = 0
            heap = try Heap(configuration)
            mutator = try heap.makeMutator(roots: roots)
            var words: [UInt64] = []
            for _ in 0..<objects {
                let object = try #require(mutator.allocateNoScan(byteCount: 64))
                words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
            }
            for _ in 0..<repetitions { roots.words += words }
        }

        var bufferBytes: UInt64 { heap.raw.pointee.statistics.workBuffers.byteCount }
    }

    @Test func theSameObjectsTakeNoBuffers() throws {
        let scene = try Scene(objects: 5, repetitions: 100_000)
        #expect(scene.mutator.collect())
        #expect(scene.bufferBytes <= 4 * UInt64(WorkBufferStacks.blockByteCount))
        #expect(scene.mutator.readStatistics().objects == 5)
        scene.mutator.close()
    }

    /// More objects than are remembered: the buffers are needed, and go back with the rest of what is free.
    @Test func whatOthersTakeGoesBack() throws {
        let scene = try Scene(objects: 10_000, repetitions: 20)
        #expect(scene.mutator.collect())
        #expect(scene.bufferBytes > 20 * UInt64(WorkBufferStacks.blockByteCount))
        scene.mutator.freeOSMemory()
        #expect(scene.bufferBytes <= 2 * UInt64(WorkBufferStacks.blockByteCount))
        #expect(scene.mutator.collect())
        #expect(scene.mutator.readStatistics().objects == 10_000)
        scene.mutator.close()
    }
}
