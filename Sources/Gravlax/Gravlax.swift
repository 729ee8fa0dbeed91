// The embedding API: what other packages import.
//
//     let interpreter = try Interpreter(.init(heapBudget: .mebibytes(64)))
//     interpreter.define("hypot") { (x: Double, y: Double) in (x * x + y * y).squareRoot() }
//     let n: Double = try interpreter.evaluate("hypot(3, 4)")
//
// An `Interpreter` runs scripts; a `Value` is what a script has made, or may get; what a script does wrong is thrown as a
// `ScriptError` or, before it runs, as a `CompileError`.

@_exported import protocol GravlaxCompiler.ModuleLoader
@_exported import struct GravlaxCompiler.ModuleUnavailable
