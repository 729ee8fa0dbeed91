package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"unsafe"
)

// Objects of the sizes that the heap benchmark draws from, with pointers in all words but the first.
type (
	holder32 struct {
		header uint64
		slots  [3]*byte
	}
	holder48 struct {
		header uint64
		slots  [5]*byte
	}
	holder64 struct {
		header uint64
		slots  [7]*byte
	}
	holder96 struct {
		header uint64
		slots  [11]*byte
	}
	holder128 struct {
		header uint64
		slots  [15]*byte
	}
	holder256 struct {
		header uint64
		slots  [31]*byte
	}
	holder512 struct {
		header uint64
		slots  [63]*byte
	}
)

const residentLiveBytes = 300000000

var holderSizes = []int{32, 48, 64, 96, 128, 256, 512}

func makeHolder(kind int, header uint64) unsafe.Pointer {
	switch kind {
	case 0:
		return unsafe.Pointer(&holder32{header: header})
	case 1:
		return unsafe.Pointer(&holder48{header: header})
	case 2:
		return unsafe.Pointer(&holder64{header: header})
	case 3:
		return unsafe.Pointer(&holder96{header: header})
	case 4:
		return unsafe.Pointer(&holder128{header: header})
	case 5:
		return unsafe.Pointer(&holder256{header: header})
	default:
		return unsafe.Pointer(&holder512{header: header})
	}
}

var residentTable []unsafe.Pointer

// measureResident prints resident.peak: the peak resident size of a program with 300 MB of live objects that replaces
// them in random order, over those bytes.
func measureResident() {
	debug.FreeOSMemory()
	sum := 0
	for _, size := range holderSizes {
		sum += size
	}
	count := residentLiveBytes / (sum / len(holderSizes))
	residentTable = make([]unsafe.Pointer, count)
	kinds := make([]uint8, count)
	live, mostLive := 0, 0
	random := uint64(1)
	next := func(bound int) int {
		random = random*6364136223846793005 + 1442695040888963407
		return int((random >> 32) % uint64(bound))
	}
	replace := func(index int) {
		kind := next(len(holderSizes))
		if residentTable[index] != nil {
			live -= holderSizes[kinds[index]]
		}
		residentTable[index] = makeHolder(kind, uint64(index))
		kinds[index] = uint8(kind)
		live += holderSizes[kind]
		if live > mostLive {
			mostLive = live
		}
	}
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	for index := 0; index < count; index++ {
		replace(index)
	}
	for turn := 0; turn < 5*count; turn++ {
		replace(next(count))
	}
	fmt.Printf("resident.peak %.2f\n", float64(peakResident())/float64(mostLive+count*8))
	residentTable = nil
}

// VmHWM of /proc/self/status, in bytes.
func peakResident() int {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "VmHWM:") {
			kibibytes := 0
			fmt.Sscanf(strings.TrimPrefix(lines.Text(), "VmHWM:"), "%d", &kibibytes)
			return kibibytes << 10
		}
	}
	return 0
}
