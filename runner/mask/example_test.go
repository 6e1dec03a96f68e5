package mask_test

import (
	"fmt"
	"io"
	"os"

	"infuse/fetch/secret"
	"infuse/runner/mask"
)

func ExampleWriter() {
	m := mask.New([]secret.Value{secret.New("p@ssw0rd & more")})
	w := mask.NewWriter(os.Stdout, m)
	fmt.Fprintln(w, "connecting with p@ssw0rd & more")
	fmt.Fprintln(w, "GET /?password=p%40ssw0rd+%26+more")
	for _, piece := range []string{"in pieces: p@ss", "w0rd &", " more\n"} {
		io.WriteString(w, piece)
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// connecting with ***
	// GET /?password=***
	// in pieces: ***
}
