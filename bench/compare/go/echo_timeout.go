// SPDX-License-Identifier: Apache-2.0

// The echo server in Go with a time-out for each read. `go_echo_timeout PORT`
package main

import (
	"net"
	"os"
	"time"
)

const longestSilence = 30 * time.Second

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		connection.SetReadDeadline(time.Now().Add(longestSilence))
		size, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		connection, err := listener.Accept()
		if err == nil {
			go echo(connection)
		}
	}
}
