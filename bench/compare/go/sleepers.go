// SPDX-License-Identifier: Apache-2.0

// Goroutines that sleep, under the names that bench/micro/sleepers.cpp gives. A sleep cannot be
// cancelled in Go.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

const many = 1000000

func cpuNanoseconds() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var total, resident int
	fmt.Sscan(string(text), &total, &resident)
	return float64(resident * 4096)
}

func main() {
	runtime.GOMAXPROCS(1)
	memory, began := residentBytes(), cpuNanoseconds()
	for i := 0; i < many; i++ {
		go time.Sleep(24 * time.Hour)
	}
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
	fmt.Printf("{\"operation\": \"spawn one of a million tasks that sleep\", \"nanoseconds\": %.2f}\n",
		(cpuNanoseconds()-began)/many)
	fmt.Printf("{\"operation\": \"memory of one of a million tasks that sleep\", \"bytes\": %.1f}\n",
		(residentBytes()-memory)/many)
}
