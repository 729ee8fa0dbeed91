// TinyHeapClient [PROGRAM]: runs a program, or the demonstration, and tells what the heap did meanwhile.

import GravlaxHeap

let demonstration = """
    [ dup 2 < [ ] [ dup -1 + fib swap -2 + fib + ] if ] [ fib ] define   20 fib print
    [ dup 1 < [ drop ] [ dup rot cons swap -1 + count ] if ] [ count ] define
    [ swap dup empty [ swap drop ] [ uncons rot dup rot swap map rot rot i swap cons ] if ] [ map ] define
    [ dup empty [ drop ] [ uncons rot rot + swap sum ] if ] [ sum ] define   [ ] 10 count [ dup * ] map print
    [ dup 1 < [ drop ] [ swap 0 [ ] 999 count [ dup * ] map sum put swap -1 + again ] if ] [ again ] define
    0 [ ] cons 50 again print
    """
var configuration = HeapConfiguration(encoding: Word.encoding)
configuration.debug.stress = 2_000  // A cycle every so many pairs, so that there is something to see.
let machine = try Machine(configuration)
do { try machine.run(CommandLine.arguments.dropFirst().first ?? demonstration) }
catch let error as ProgramError { print("error: \(error.message)") }
let counts = machine.statistics
print("\(counts.cycles) collections, \(counts.mallocs) pairs made, \(counts.objects) left in \(counts.heapInUse) bytes")
