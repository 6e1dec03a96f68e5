//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestReleaseIsReproducible builds a release twice, the second time in another
// directory and another environment: every file comes out the same, bit for
// bit. It is `make release` itself, for one platform to keep it short. With INFUSE_TEST_COLD=1 the
// second build begins with an empty build cache, which takes two minutes more.
func TestReleaseIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this compiles everything anew")
	}
	require(t, "make")
	platform := "linux/" + runtime.GOARCH
	first := buildRelease(t, filepath.Join(t.TempDir(), "a"), platform, os.Environ())
	other := append(os.Environ(), "GOFLAGS=-tags=noise", "GOAMD64=v2", "TZ=Asia/Tokyo", "LC_ALL=C", "SOURCE_DATE_EPOCH=1")
	if os.Getenv("INFUSE_TEST_COLD") == "1" { // builds the standard library anew: minutes
		other = append(other, "GOCACHE="+t.TempDir())
	}
	second := buildRelease(t, filepath.Join(t.TempDir(), "another", "and", "longer"), platform, other)

	binary := "infuse-linux-" + runtime.GOARCH
	want := []string{"CHANGELOG.md", "LICENSE", "SHA256SUMS", "_infuse", "infuse.1", "infuse.bash", "infuse.fish", binary, binary + ".cdx.json"}
	slices.Sort(want)
	files := readDir(t, first)
	if names := sortedKeys(files); !slices.Equal(names, want) {
		t.Errorf("the release has %q, want %q", names, want)
	}
	others := readDir(t, second)
	for name, body := range files {
		if !bytes.Equal(body, others[name]) {
			t.Errorf("%s differs between two builds", name)
		}
	}
	if t.Failed() {
		return
	}
	checkSums(t, files)
	checkBinary(t, filepath.Join(first, binary))
	checkSBOM(t, filepath.Join(first, binary), files[binary+".cdx.json"])
	for name, start := range map[string]string{"infuse.1": ".TH INFUSE 1", "infuse.bash": "# bash completion", "_infuse": "#compdef infuse", "infuse.fish": "# fish completion"} {
		if !bytes.HasPrefix(files[name], []byte(start)) {
			t.Errorf("%s does not begin with %q", name, start)
		}
	}
}

// buildRelease copies what a release is made of into dir and builds it there.
func buildRelease(t *testing.T, dir, platform string, environ []string) string {
	t.Helper()
	copySource(t, dir)
	cmd := exec.Command("make", "release", "VERSION=1.2.3-test", "PLATFORMS="+platform)
	cmd.Dir = dir
	cmd.Env = environ
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make release: %v\n%s", err, out)
	}
	return filepath.Join(dir, "dist")
}

// copySource copies what the build reads: no tests, no data, no git.
func copySource(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "testdata" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") ||
			slices.Contains([]string{"go.mod", "go.sum", "Makefile", "release.mk", "LICENSE", "CHANGELOG.md", "Dockerfile", ".dockerignore"}, name) {
			return copyFile(name, filepath.Join(dir, name))
		}
		return nil
	})
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "testdata", "release"), os.DirFS(filepath.Join("testdata", "release")))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, body, 0o644)
}

func readDir(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func sortedKeys(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkSums reads SHA256SUMS as sha256sum --check does.
func checkSums(t *testing.T, files map[string][]byte) {
	t.Helper()
	var listed []string
	for _, line := range strings.Split(strings.TrimSuffix(string(files["SHA256SUMS"]), "\n"), "\n") {
		sum, name, _ := strings.Cut(line, "  ")
		listed = append(listed, name)
		if got := sha256.Sum256(files[name]); hex.EncodeToString(got[:]) != sum {
			t.Errorf("SHA256SUMS: %s does not match", name)
		}
	}
	if want := slices.DeleteFunc(sortedKeys(files), func(name string) bool { return name == "SHA256SUMS" }); !slices.Equal(listed, want) {
		t.Errorf("SHA256SUMS lists %q, want %q", listed, want)
	}
}

// checkBinary: static, stripped, stamped, and without a path of the builder.
func checkBinary(t *testing.T, name string) {
	t.Helper()
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_INTERP || prog.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static", name)
		}
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Errorf("%s is not stripped", name)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Dir(filepath.Dir(name)), strings.TrimSpace(string(goroot)) + "/src/"} {
		if bytes.Contains(body, []byte(path)) {
			t.Errorf("%s holds the path %s", name, path)
		}
	}
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(name, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "infuse 1.2.3-test (") {
		t.Errorf("version: %q, %v", out, err)
	}
}

// checkSBOM compares the document with what the binary itself says it is made of.
func checkSBOM(t *testing.T, binary string, document []byte) {
	t.Helper()
	var bom struct {
		BOMFormat, SpecVersion, SerialNumber string
		Version                              int
		Metadata                             struct {
			Timestamp string
			Component sbomComponent
		}
		Components   []sbomComponent
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(document, &bom); err != nil {
		t.Fatalf("the SBOM is not JSON: %v", err)
	}
	body, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	self := bom.Metadata.Component
	switch {
	case bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" || bom.Version != 1:
		t.Errorf("not CycloneDX 1.6: %s %s %d", bom.BOMFormat, bom.SpecVersion, bom.Version)
	case !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber):
		t.Errorf("serial number %q", bom.SerialNumber)
	case self.Name != "infuse" || self.Version != "1.2.3-test" || self.Type != "application":
		t.Errorf("the SBOM is about %+v", self)
	case len(self.Hashes) != 1 || self.Hashes[0].Alg != "SHA-256" || self.Hashes[0].Content != hex.EncodeToString(sum[:]):
		t.Errorf("the hash of the binary: %+v", self.Hashes)
	case bom.Metadata.Timestamp != "":
		t.Errorf("a timestamp: %s", bom.Metadata.Timestamp)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range info.Deps {
		want = append(want, "pkg:golang/"+module.Path+"@"+module.Version)
	}
	slices.Sort(want)
	var got []string
	for _, c := range bom.Components {
		got = append(got, c.PURL)
		if c.Type != "library" || c.Ref != c.PURL {
			t.Errorf("component %+v", c)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("components\n got %q\nwant %q", got, want)
	}
	if len(bom.Dependencies) != len(want)+1 || bom.Dependencies[0].Ref != self.Ref || len(bom.Dependencies[0].DependsOn) != len(want) {
		t.Errorf("dependencies: %+v", bom.Dependencies)
	}
}

type sbomComponent struct {
	Ref                       string `json:"bom-ref"`
	Type, Name, Version, PURL string
	Hashes                    []struct{ Alg, Content string }
}

// What people put in front of every process stays small: these are for the
// stripped binaries, with everything in it and as slim as it comes. More is
// allowed up to 12,000,000 and 10,000,000 bytes, but not by accident.
const (
	sizeBudget     = 10_960_000
	slimSizeBudget = 9_900_000
	imageBudget    = 11_200_000 // with the CA roots
)

// TestBinarySize builds both binaries, and asks the slim one for what it has not.
func TestBinarySize(t *testing.T) {
	require(t, "make")
	dir := t.TempDir()
	copySource(t, dir)
	for target, budget := range map[string]int64{"build": sizeBudget, "slim": slimSizeBudget} {
		build := exec.Command("make", target, "VERSION=1.2.3-test")
		build.Dir = dir
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, out)
		}
		name := map[string]string{"build": "infuse", "slim": "infuse-slim"}[target]
		info, err := os.Stat(filepath.Join(dir, "bin", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("bin/%s for %s/%s: %d bytes of %d allowed", name, runtime.GOOS, runtime.GOARCH, info.Size(), budget)
		if info.Size() > budget {
			t.Errorf("bin/%s has %d bytes, %d more than the budget; `go tool nm -size -sort size` of an unstripped one tells what is in it",
				name, info.Size(), info.Size()-budget)
		}
	}
	slim := filepath.Join(dir, "bin", "infuse-slim")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"run", "--url", "file:testdata/demo", "-e", "dev", "--", "sh", "-c", `echo "$GREETING"`}, 0, "hello"},
		{[]string{"dev", "testdata/demo"}, 1, "the development server is not in this build of infuse"},
		{[]string{"whoami", "--auth-method", "aws-iam", "--project-id", "p", "-e", "dev"}, 1, "aws-iam: not in this build of infuse"},
	} {
		cmd := exec.Command(slim, c.args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "INFISICAL_MACHINE_IDENTITY_ID=x"}
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(out), c.want) {
			t.Errorf("infuse-slim %q: status %d\n%s", c.args, status, out)
		}
	}
}

// TestDockerfileBuildsWhatMakeBuilds holds the two command lines together: an
// image has no make.
func TestDockerfileBuildsWhatMakeBuilds(t *testing.T) {
	require(t, "make")
	out, err := exec.Command("make", "--no-print-directory", "-n", "build", "VERSION=V").Output()
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	words := func(command string) []string {
		_, flags, _ := strings.Cut(command, "go build ")
		flags, _, _ = strings.Cut(flags, " -o ")
		return strings.Fields(strings.NewReplacer("'", "", `"`, "", "${VERSION}", "V", "\\\n", " ").Replace(flags))
	}
	if made, image := words(string(out)), words(string(dockerfile)); !slices.Equal(made, image) || len(made) < 5 {
		t.Errorf("make builds with\n%q\nthe Dockerfile with\n%q", made, image)
	}
}
