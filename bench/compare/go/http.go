// SPDX-License-Identifier: Apache-2.0

// HTTP plaintext in Go, on net/http. `go_http PORT`
package main

import (
	"net/http"
	"os"
)

func main() {
	hello := []byte("Hello, World!")
	http.HandleFunc("/plaintext", func(answer http.ResponseWriter, request *http.Request) {
		answer.Header().Set("Content-Type", "text/plain")
		answer.Write(hello)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
