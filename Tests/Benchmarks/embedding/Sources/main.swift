// Times what a host feels of an interpreter. Prints names and values.
//
// create.us and create.KiB: a new interpreter that has run a script, in microseconds and KiB resident; destroy.us: its end.
// compile.us and run.us: a small script from its text, and again once it is compiled. call.host.ns: a script's call of a host function;
// call.script.us: the host's of a script's; wait.us: a script's of an asynchronous function that has nothing to wait for.
// notice.<limit>.<script>.<p50|max>: milliseconds from when a limit is reached, or a run interrupted, until the host has the error.
// Arguments: parts of names; only rows that contain one of them are measured.

import Gravlax

let filters = CommandLine.arguments.dropFirst()

func isWanted(_ name: String) -> Bool { filters.isEmpty || filters.contains { name.contains($0) } }

func report(_ name: String, _ value: Double) {
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    print("\(name) \(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)")
}

if isWanted("create") || isWanted("destroy") {
    let cost = try creationCost()
    report("create.us", cost.create)
    report("destroy.us", cost.destroy)
    report("create.KiB", cost.kibibytes)
}
if isWanted("compile.us") || isWanted("run.us") {
    let cost = try runCost()
    report("compile.us", cost.text)
    report("run.us", cost.compiled)
}
if isWanted("call.host.ns") { report("call.host.ns", try hostCallCost()) }
if isWanted("call.script.us") { report("call.script.us", try scriptCallCost()) }
if isWanted("wait.us") { report("wait.us", try await waitCost()) }
for limit in NoticeBenchmark.Limit.allCases {
    for script in NoticeBenchmark.scripts where isWanted("notice.\(limit.rawValue).\(script.name)") {
        let times = try await NoticeBenchmark.milliseconds(limit, script)
        report("notice.\(limit.rawValue).\(script.name).p50", times[times.count / 2])
        report("notice.\(limit.rawValue).\(script.name).max", times[times.count - 1])
    }
}
