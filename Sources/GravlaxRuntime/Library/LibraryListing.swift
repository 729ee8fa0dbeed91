/// What scripts find in the library, for who describes or tests it.
package struct LibraryMember: Sendable {
    package struct Parameter: Sendable {
        package let name: String
        /// What it takes, as errors say it: `a whole number`; `a value` takes anything.
        package let kind: String
    }

    /// A module, a kind of value, or `global`.
    package let owner: String
    package let name: String
    /// As errors call it: `string.find`, `math.sqrt`, `num`.
    package let qualifiedName: String
    package let parameters: [Parameter]
    /// So many of them have to be given.
    package let requiredCount: Int

    /// All functions and methods, in the order of the table.
    package static var functions: [LibraryMember] {
        BuiltinTable.rows.filter { !$0.isProperty && !$0.name.hasPrefix(BuiltinTable.hiddenPrefix) }.map { row in
            LibraryMember(
                owner: "\(row.owner)", name: row.name, qualifiedName: row.qualifiedName,
                parameters: (0..<row.signature.count).map {
                    Parameter(name: row.signature.name($0), kind: row.signature.kind($0).text)
                },
                requiredCount: row.signature.requiredCount)
        }
    }
}
