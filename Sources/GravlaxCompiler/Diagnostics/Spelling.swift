// What a misspelt name was probably meant to be.

package enum Spelling {
    /// The candidate within a third of the name's length in edits (swaps of neighbours count once), the closest first found.
    package static func closest(to name: String, among candidates: some Sequence<String>) -> String? {
        let target = Array(name.utf8)
        var best: String?
        var bestDistance = max(1, target.count / 3) + 1
        guard target.count <= 64 else { return nil }
        for candidate in candidates where candidate != name {
            let other = Array(candidate.utf8)
            if abs(other.count - target.count) >= bestDistance { continue }
            let distance = editDistance(target, other)
            if distance < bestDistance { (best, bestDistance) = (candidate, distance) }
        }
        return best
    }

    static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
                row.append(cost)
            }
            (beforePrevious, previous) = (previous, row)
        }
        return previous[b.count]
    }
}
