// Package envfile writes an environment as a file in a dialect, so that the
// readers of the dialect get every value back byte for byte.
//
//	data, err := envfile.Encode("dotenv", envfile.Document{Vars: plan.Vars()})
//	var refused *envfile.RefusedError
//	if errors.As(err, &refused) { // names each value the dialect cannot carry, and the formats that can
//		...
//	}
//	changed, err := envfile.Save(envfile.SaveConfig{Path: ".env"}, data)
//
// A dialect is one entry of a table: which names and which values it can carry,
// and how it writes them. Nothing is ever written approximately: what a dialect
// cannot carry is refused by name, and no file is touched. The tests prove it
// with the readers themselves; testdata/matrix-values.md is what they found.
package envfile
