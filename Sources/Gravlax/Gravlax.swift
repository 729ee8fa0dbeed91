// The embedding API: what other packages import. An interpreter, and the error that a program may end with.

@_exported import class GravlaxRuntime.Interpreter
@_exported import struct GravlaxRuntime.RuntimeError
