package devserver_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch/devserver"
)

// byShape are the exchanges whose bodies are compared by their members and types only.
var byShape = map[string]string{
	"099": "shows a bcrypt hash and the user's devices, which the model has none of",
}

// notCovered are the exchanges that are deliberately not compared: none. (The recording has
// no numbers 098, 153 and 154; its index lists 157 exchanges.)
var notCovered = map[string]string{}

// exchange is one recorded request and its answer.
type exchange struct {
	number, file string
	Note         string
	RecordedAt   time.Time
	LatencyMs    float64
	Request      struct {
		Method, Path string
		URL          string
		Headers      map[string]any
		Body         *string
	}
	Response struct {
		Status  int
		Headers [][2]string
		Body    string
	}
}

type exchanges []exchange

func readExchanges(t *testing.T) exchanges {
	files, err := filepath.Glob("../../testdata/recorded/[0-9]*.json")
	if err != nil || len(files) < 150 {
		t.Fatalf("found %d recorded exchanges: %v", len(files), err)
	}
	var all exchanges
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e := exchange{file: filepath.Base(file), number: filepath.Base(file)[:3]}
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// replayer holds what differs between the recorded server and ours: the clock,
// and which of our tokens and ids stand for theirs.
type replayer struct {
	t      *testing.T
	s      *devserver.Server
	now    time.Time
	tokens map[string]string // recorded -> ours
	ids    map[string]string // ours -> recorded, of what the exchanges create
}

// TestReplay sends every recorded request, in order and with the recorded clock, to a
// server with the recorded model, and compares status, headers and body. Tokens and
// the ids of created secrets are translated; where no translation was needed the body has to be
// the same to the byte, and with it the ETag.
func TestReplay(t *testing.T) {
	all := readExchanges(t)
	r := &replayer{t: t, tokens: map[string]string{}, ids: map[string]string{}}
	r.now = all[0].RecordedAt
	r.s = recordedServer(t, all, func() time.Time { return r.now })
	count := map[string]int{}
	var table strings.Builder
	for _, e := range all {
		if reason, skipped := notCovered[e.number]; skipped {
			fmt.Fprintf(&table, "%-48s not covered: %s\n", e.file, reason)
			count["not covered"]++
			continue
		}
		var how string
		t.Run(strings.TrimSuffix(e.file, ".json"), func(t *testing.T) {
			r.t = t
			how = r.replay(e)
		})
		count[how]++
		fmt.Fprintf(&table, "%-48s %s\n", e.file, how)
	}
	t.Logf("how the bodies were compared:\n%s", table.String())
	for _, how := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%4d %s", count[how], how)
	}
	if covered := len(all) - count["not covered"]; covered < 140 {
		t.Errorf("%d of %d exchanges are covered", covered, len(all))
	}
}

var jwtPattern = regexp.MustCompile(`eyJhbGci[\w-]+\.[\w-]+\.[\w-]+`)

func (r *replayer) replay(e exchange) string {
	r.prepare(e)
	resp, body := r.send(e)
	if resp.StatusCode != e.Response.Status {
		r.t.Fatalf("status %d, recorded %d\nours:   %.600s\ntheirs: %.600s", resp.StatusCode, e.Response.Status, body, e.Response.Body)
	}
	same := body == e.Response.Body
	how := sameBytes
	if !same {
		how = r.compareBody(e, body)
	}
	r.compareHeaders(e, resp, body, same)
	return how
}

// prepare sets the clock to the moment the request was handled and does what the
// recorder did between the exchanges.
func (r *replayer) prepare(e exchange) {
	for _, token := range jwtPattern.FindAllString(r.requestText(e), -1) {
		r.translate(token)
	}
	r.now = e.handledAt()
	r.s.SetFlicker(0)
	switch e.number {
	case "094": // one of the recorded server's half expanded answers
		r.s.SetFlicker(1)
	case "140", "141":
		var body struct{ Secrets []recordedSecret }
		if err := json.Unmarshal([]byte(e.Response.Body), &body); err != nil {
			r.t.Fatal(err)
		}
		p, ok := r.project(mainProject)
		if !ok {
			r.t.Fatal("no project")
		}
		for _, sec := range body.Secrets {
			p.Put(sec.secret("dev", "/backend"))
		}
	case "156": // the same server in production mode
		r.s.SetLimits(&devserver.Limits{})
	case "158":
		before := r.now
		for n := 2; n <= 40; n++ {
			if resp, _ := r.send(e); resp.StatusCode != http.StatusOK {
				r.t.Fatalf("call %d: status %d", n, resp.StatusCode)
			}
		}
		r.now = before
	}
}

func (r *replayer) project(id string) (*devserver.Project, bool) { return r.s.Project(id) }

// handledAt is when the server did its work: by a date in the answer if there
// is one, else the moment the request was sent.
func (e exchange) handledAt() time.Time {
	var body struct {
		Date    time.Time
		Secret  struct{ UpdatedAt time.Time }
		Secrets []struct{ CreatedAt time.Time }
	}
	write := e.Request.Method == http.MethodPost || e.Request.Method == http.MethodPatch
	if json.Unmarshal([]byte(e.Response.Body), &body) == nil {
		switch {
		case !body.Date.IsZero():
			return body.Date
		case write && !body.Secret.UpdatedAt.IsZero():
			return body.Secret.UpdatedAt
		case write && len(body.Secrets) > 0:
			return body.Secrets[0].CreatedAt
		}
	}
	sent := e.RecordedAt.Add(-time.Duration(e.LatencyMs * float64(time.Millisecond)))
	// A login takes a while; the token says in which second it was made.
	if token := jwtPattern.FindString(e.Response.Body); token != "" {
		if made := time.Unix(readClaims(token).IAT, 0); made.After(sent) {
			return made
		}
	}
	return sent
}

type recordedClaims struct {
	IdentityID, UserID string
	IAT                int64
}

func readClaims(token string) (c recordedClaims) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &c)
	}
	if err != nil {
		panic("a recorded token cannot be read: " + err.Error())
	}
	return c
}

func (r *replayer) requestText(e exchange) string {
	text, _ := e.Request.Headers["Authorization"].(string)
	if e.Request.Body != nil {
		text += " " + *e.Request.Body
	}
	return text
}

// translate finds or makes our token for a recorded one, whose login may not be among the exchanges.
func (r *replayer) translate(token string) {
	if r.tokens[token] != "" {
		return
	}
	claims := readClaims(token)
	r.now = time.Unix(claims.IAT, 0)
	ours := r.s.IssueToken(claims.IdentityID)
	if claims.UserID != "" {
		ours = r.s.UserToken(claims.UserID)
	}
	if strings.HasSuffix(token, "AAAAAA") { // the recorder broke this one's signature
		ours = ours[:len(ours)-6] + "AAAAAA"
	}
	r.tokens[token] = ours
}

func (r *replayer) send(e exchange) (*http.Response, string) {
	r.t.Helper()
	var body io.Reader = http.NoBody
	if e.Request.Body != nil {
		body = strings.NewReader(r.ours(*e.Request.Body))
	}
	req, err := http.NewRequest(e.Request.Method, e.Request.URL, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range e.Request.Headers {
		if name != "Content-Length" {
			req.Header.Set(name, r.ours(fmt.Sprint(value)))
		}
	}
	resp, err := r.s.Transport().RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(data)
}

func (r *replayer) ours(text string) string {
	for theirs, ours := range r.tokens {
		text = strings.ReplaceAll(text, theirs, ours)
	}
	return text
}

// theirs puts recorded tokens and ids in the place of ours.
func (r *replayer) theirs(text string) string {
	for theirs, ours := range r.tokens {
		text = strings.ReplaceAll(text, ours, theirs)
	}
	for ours, theirs := range r.ids {
		text = strings.ReplaceAll(text, ours, theirs)
	}
	return text
}

const sameBytes = "same bytes"

// compareBody compares bodies that are not the same, and reports how.
func (r *replayer) compareBody(e exchange, body string) string {
	ours, theirs := decode(r.t, body), decode(r.t, e.Response.Body)
	if _, ok := byShape[e.number]; ok {
		if diff := cmp.Diff(shape(theirs), shape(ours)); diff != "" {
			r.t.Errorf("shape (-recorded +ours):\n%s", diff)
		}
		return "shape: " + byShape[e.number]
	}
	r.learn(theirs, ours)
	if translated := r.theirs(body); translated != e.Response.Body {
		r.t.Errorf("body (-recorded +ours):\n%s", cmp.Diff(theirs, decode(r.t, translated)))
		if cmp.Equal(theirs, decode(r.t, translated)) {
			r.t.Errorf("only the order differs:\nrecorded: %.3000s\nours:     %.3000s", e.Response.Body, translated)
		}
	}
	return "same bytes, tokens and new ids translated"
}

// learn takes a new token, or the ids of created secrets, out of a pair of answers.
func (r *replayer) learn(theirs, ours any) {
	t, _ := theirs.(map[string]any)
	o, _ := ours.(map[string]any)
	if token, ok := t["accessToken"].(string); ok {
		mine, _ := o["accessToken"].(string)
		r.tokens[token] = mine
		r.compareClaims(token, mine)
	}
	if tSecret, ok := t["secret"].(map[string]any); ok {
		r.learnID(tSecret, o["secret"])
	}
	if list, ok := t["secrets"].([]any); ok {
		mine, _ := o["secrets"].([]any)
		for i := range list {
			if i < len(mine) {
				r.learnID(list[i].(map[string]any), mine[i])
			}
		}
	}
}

func (r *replayer) learnID(theirs map[string]any, ours any) {
	o, _ := ours.(map[string]any)
	id, _ := o["id"].(string)
	if recorded := theirs["id"].(string); id != "" && id != recorded && strings.HasPrefix(theirs["secretKey"].(string), "REC_TMP_") {
		r.ids[id] = recorded
	}
}

// compareClaims: the same members in the same order, the same values but for the token's own id.
func (r *replayer) compareClaims(theirs, ours string) {
	payload := func(token string) string {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			r.t.Fatal("not a JWT")
		}
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			r.t.Fatal(err)
		}
		return tokenID.ReplaceAllString(string(text), `"identityAccessTokenId":"..."`)
	}
	if a, b := payload(theirs), payload(ours); a != b {
		r.t.Errorf("claims\nrecorded: %s\nours:     %s", a, b)
	}
}

var tokenID = regexp.MustCompile(`"identityAccessTokenId":"[0-9a-f-]{36}"`)

func decode(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not JSON: %.200s", text)
	}
	return v
}

// shape is a value's members and types: an object keeps its keys, a list the shape of its first element.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, member := range v {
			out[k] = shape(member)
		}
		return out
	case []any:
		if len(v) == 0 {
			return []any{}
		}
		return []any{shape(v[0])}
	}
	return fmt.Sprintf("%T", v)
}

// hopByHop headers belong to a connection, which the replay has none of.
var hopByHop = []string{"Date", "Connection", "Keep-Alive"}

func (r *replayer) compareHeaders(e exchange, resp *http.Response, body string, same bool) {
	recorded := http.Header{}
	for _, h := range e.Response.Headers {
		recorded.Add(h[0], h[1])
	}
	for _, name := range hopByHop {
		recorded.Del(name)
	}
	for name, theirs := range recorded {
		ours := resp.Header.Values(name)
		switch {
		case name == "Etag":
			r.compareETag(theirs[0], ours, body, same)
		case name == "Content-Length" && !same: // it follows from the body
		case !slices.Equal(ours, theirs):
			r.t.Errorf("header %s: %q, recorded %q", name, ours, theirs)
		}
	}
	for name := range resp.Header {
		if recorded.Get(name) == "" {
			r.t.Errorf("header %s: %q, recorded none", name, resp.Header.Get(name))
		}
	}
}

// compareETag: the tag is base64 of the SHA-1 of the body, and where the bodies are the same, the same.
func (r *replayer) compareETag(theirs string, ours []string, body string, same bool) {
	sum := sha1.Sum([]byte(body))
	want := `"` + base64.StdEncoding.EncodeToString(sum[:]) + `"`
	if same { // those without a body are, too: the tag of a HEAD or a 304 is that of the body it stands for
		want = theirs
	}
	if len(ours) != 1 || ours[0] != want {
		r.t.Errorf("ETag %q, want %q", ours, want)
	}
}
