package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// build is what `go version -m -json` prints (runtime/debug.BuildInfo).
type build struct {
	GoVersion string
	Main      module
	Deps      []module
	Settings  []struct{ Key, Value string }
}

type module struct {
	Path, Version, Sum string
	Replace            *module
}

func readBuild(binary string) (*build, error) {
	out, err := exec.Command("go", "version", "-m", "-json", binary).Output()
	if err != nil {
		return nil, fmt.Errorf("go version -m: %w", err)
	}
	b := new(build)
	if err := json.Unmarshal(out, b); err != nil {
		return nil, fmt.Errorf("reading go version -m: %w", err)
	}
	return b, nil
}

// bom is a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/). The
// optional timestamp is left out, and the serial number comes from the binary.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component  component  `json:"component"`
	Properties []property `json:"properties,omitempty"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []licensed `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licensed struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// bom describes one binary. The version is told, since -trimpath keeps the
// linker's flags out of what a binary records.
func (b *build) bom(file, version, sum string) bom {
	setting := map[string]string{}
	for _, s := range b.Settings {
		setting[s.Key] = s.Value
	}
	self := component{
		Ref: file, Type: "application", Name: b.Main.Path, Version: version,
		Hashes: []hash{{"SHA-256", sum}}, Licenses: make([]licensed, 1),
		Properties: []property{{"infuse:file", file}},
	}
	self.Licenses[0].License.ID = "MIT"
	d := bom{
		Format: "CycloneDX", Spec: "1.6", Serial: serial(sum), Version: 1,
		Metadata: metadata{Component: self}, Components: []component{},
	}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "-trimpath"} {
		d.Metadata.Properties = append(d.Metadata.Properties, property{"go:build:" + key, setting[key]})
	}
	modules := append([]module{{Path: "std", Version: strings.TrimPrefix(b.GoVersion, "go")}}, b.Deps...)
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	top := dependency{Ref: self.Ref}
	for _, m := range modules {
		c := m.component()
		d.Components = append(d.Components, c)
		top.DependsOn = append(top.DependsOn, c.Ref)
	}
	d.Dependencies = append(d.Dependencies, top)
	for _, c := range d.Components {
		d.Dependencies = append(d.Dependencies, dependency{Ref: c.Ref})
	}
	return d
}

func (m module) component() component {
	if m.Replace != nil {
		m = *m.Replace
	}
	purl := "pkg:golang/" + m.Path + "@" + m.Version // https://github.com/package-url/purl-spec
	c := component{Ref: purl, Type: "library", Name: m.Path, Version: m.Version, Scope: "required", PURL: purl}
	if m.Sum != "" { // the hash of go.sum covers a module's tree, not one file
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

// serial is a name-based UUID (RFC 9562, version 8) of the binary.
func serial(sum string) string {
	u := sha256.Sum256([]byte("infuse sbom " + sum))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
