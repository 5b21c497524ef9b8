// SPDX-License-Identifier: Apache-2.0

// What the parts of Go cost on one processor, under the names that bench/micro/core.cpp gives them.
package main

import (
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const many = 1000000

func cpuNanoseconds() int64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}

func measure(operation string, count int, work func()) {
	began := cpuNanoseconds()
	work()
	each := float64(cpuNanoseconds()-began) / float64(count)
	fmt.Printf("{\"operation\": \"%s\", \"nanoseconds\": %.2f}\n", operation, each)
}

//go:noinline
func readyChild() int { return 1 }

func spawnAndJoin() {
	done := make(chan int, 1)
	for i := 0; i < many; i++ {
		go func() { done <- readyChild() }()
		<-done
	}
}

func spawnBatches() {
	for round := 0; round < many/10000; round++ {
		var group sync.WaitGroup
		group.Add(10000)
		for i := 0; i < 10000; i++ {
			go func() { readyChild(); group.Done() }()
		}
		group.Wait()
	}
}

func yieldOften(times int) {
	for i := 0; i < times; i++ {
		runtime.Gosched()
	}
}

func yieldTogether() {
	var group sync.WaitGroup
	group.Add(100)
	for i := 0; i < 100; i++ {
		go func() { yieldOften(many / 100); group.Done() }()
	}
	group.Wait()
}

func handOver() {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for i := 0; i < many; i++ {
			back <- <-there
		}
	}()
	for i := 0; i < many; i++ {
		there <- i
		<-back
	}
}

func lock() {
	var mutex sync.Mutex
	for i := 0; i < 10*many; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
}

func armAndCancel() {
	timers := make([]*time.Timer, many)
	for i := range timers {
		timers[i] = time.AfterFunc(10*time.Second+time.Duration(rand.Int63n(3600e9)), func() {})
	}
	for _, each := range timers {
		each.Stop()
	}
}

func fire() {
	var group sync.WaitGroup
	group.Add(many / 10)
	for i := 0; i < many/10; i++ {
		time.AfterFunc(time.Duration(rand.Intn(200))*time.Millisecond, group.Done)
	}
	group.Wait()
}

func sleepAndWake() {
	var group sync.WaitGroup
	group.Add(many / 10)
	for i := 0; i < many/10; i++ {
		go func() { time.Sleep(time.Duration(rand.Int63n(200e6))); group.Done() }()
	}
	group.Wait()
}

func main() {
	runtime.GOMAXPROCS(1)
	measure("spawn and join one", many, spawnAndJoin)
	measure("spawn and join, 10,000 at a time", many, spawnBatches)
	measure("reschedule, one task", many, func() { yieldOften(many) })
	measure("reschedule, 100 tasks", many, yieldTogether)
	measure("round trip between two tasks by queues", many, handOver)
	measure("lock and unlock a free mutex", 10*many, lock)
	measure("arm and cancel a timer", many, armAndCancel)
	measure("arm and fire a timer", many/10, fire)
	measure("spawn, sleep and wake", many/10, sleepAndWake)
}
