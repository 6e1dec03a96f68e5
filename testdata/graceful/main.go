// Command graceful is a server as most Go services are: on SIGTERM it stops to
// listen, answers the requests that are under way, and ends.
//
//	graceful ADDRESS
//
// GET / answers with $GREETING. GET /slow does too, but not before the server
// was told to end.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // a lost server must not outlive its test for ever
	defer cancel()
	greeting := os.Getenv("GREETING")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, greeting) })
	http.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("slow request")
		<-ctx.Done()
		fmt.Fprintln(w, greeting)
	})
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Printf("ready %s %d\n", greeting, os.Getpid())
	<-ctx.Done()
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	fmt.Println("ended well", greeting)
}
