package envfile

import (
	"bytes"
	"encoding/csv"
	"strings"
)

// csvTable has the header of the official CLI, Key,Value
// (https://www.rfc-editor.org/rfc/rfc4180). Readers are free to change a line
// break inside a field: Go's drops the CR of CRLF.
var csvTable = dialect{
	Format: Format{Name: "csv", Reader: "a CSV parser"},
	name: func(name string) string {
		if strings.ContainsAny(name, "\r\x00") {
			return "the name holds a carriage return or NUL"
		}
		return utf8Name(name)
	},
	value: func(value string) string {
		if strings.IndexByte(value, '\r') >= 0 {
			return whyCR
		}
		return textValue(value)
	},
	open: func(dst []byte, _ *Document) []byte { return append(dst, "Key,Value\n"...) },
	entry: func(dst []byte, it item) []byte {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write([]string{it.name, it.value}); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		w.Flush()
		return append(dst, b.Bytes()...)
	},
}
