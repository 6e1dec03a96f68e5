package api

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestParseListTakesRealLists: every recorded list goes the fast way, and comes
// out as encoding/json reads it.
func TestParseListTakesRealLists(t *testing.T) {
	files, err := filepath.Glob("../../testdata/recorded/0[4-9]*-list-*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d recorded lists, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var exchange struct {
			Response struct {
				Status int
				Body   string
			}
		}
		if err := json.Unmarshal(b, &exchange); err != nil {
			t.Fatal(err)
		}
		if exchange.Response.Status != 200 {
			continue
		}
		if !sameAsStandard(t, []byte(exchange.Response.Body)) {
			t.Errorf("%s does not go the fast way", filepath.Base(file))
		}
	}
}

// sameAsStandard compares with encoding/json, and reports whether parseList took the body.
func sameAsStandard(t *testing.T, body []byte) bool {
	t.Helper()
	got, ok := parseList(body)
	if !ok {
		return false
	}
	want := new(SecretList)
	if err := json.Unmarshal(body, want); err != nil {
		t.Errorf("encoding/json refuses %q: %v", body, err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\n got %+v\nwant %+v", body, dump(got), dump(want))
	}
	return true
}

func dump(list *SecretList) string {
	b, _ := json.Marshal(list)
	return string(b)
}

func TestParseList(t *testing.T) {
	for body, fast := range map[string]bool{
		`{}`: true, ` { "secrets" : null , "imports" : [ ] } `: true, `null`: false, `[]`: false, ``: false, `{`: false,
		`{"secrets":[{}]}`: true,
		`{"secrets":[{"secretKey":null,"secretValue":null,"type":null,"secretPath":null,"environment":null,"secretValueHidden":null}]}`: true,
		`{"secrets":[{"secretKey":"A","secretValue":"\u00e9\ud83d\udd10\ud800\n\"\\\/","x":[1,-2.5e+3,{"a":[true,false,null,""]}]}]}`:   true,
		`{"secrets":[{"secretKey":"é","secretValue":"日本"}],"imports":[{"secretPath":"/x","environment":"e","secrets":[{}],"x":0}]}`:     true,
		"{\"secrets\":[{\"secretValue\":\"\xff\"}]}":      true,
		`{"secrets":[],"secrets":[{}]}`:                   false,
		`{"Secrets":[{}]}`:                                false,
		`{"secret\u0073":[{}]}`:                           false,
		`{"ſecrets":[{}]}`:                                false,
		`{"secrets":[null]}`:                              false,
		`{"secrets":[{"secretKey":1}]}`:                   false,
		`{"secrets":[{"secretKey":"a","SECRETKEY":"b"}]}`: false,
		`{"secrets":[{"x":01}]}`:                          false,
		`{"secrets":[{"x":1.}]}`:                          false,
		`{"secrets":[{"x":"\x"}]}`:                        false,
		`{"secrets":[{"x":"` + "\n" + `"}]}`:              false,
		`{"secrets":[{}],}`:                               false,
		`{"secrets":[{},]}`:                               false,
		`{"secrets":[{}]} x`:                              false,
		`{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: false,
	} {
		if got := sameAsStandard(t, []byte(body)); got != fast {
			t.Errorf("%.80q: fast %v, want %v", body, got, fast)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, seed := range []string{
		`{"secrets":[{"id":"1","secretKey":"A","secretValue":"v\n","type":"shared","secretPath":"/","environment":"dev","secretValueHidden":false,"tags":[{"a":1.5e3}]}],"imports":[{"secretPath":"/x","environment":"prod","secrets":[]}]}`,
		`{"secrets":null,"imports":null}`, `{"secrets":[{"Type":"x"}]}`, `{"secrets":[{"secretValue":"\ud83d\udd10"}]}`, ` {} `, `{"a":[-0,1E-9,true,false,null,"",{}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sameAsStandard(t, body) })
}
