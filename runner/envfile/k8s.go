package envfile

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"
)

// k8sSecret is a v1 Secret for kubectl apply. Its data is base64, so that it
// carries any bytes
// (https://kubernetes.io/docs/concepts/configuration/secret/).
var k8sSecret = dialect{
	Format: Format{Name: "k8s-secret", Reader: "kubectl apply"},
	name:   k8sName,
	value:  anyValue,
	whole: func(doc *Document, size int) string {
		if why := k8sObjectName(cmp.Or(doc.SecretName, k8sDefaultName)); why != "" {
			return why
		}
		if size > 1<<20 {
			return fmt.Sprintf("a Secret holds at most 1048576 bytes, not %d", size)
		}
		return ""
	},
	open: func(dst []byte, doc *Document) []byte {
		dst = append(dst, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: "...)
		dst = append(appendYAML(dst, cmp.Or(doc.SecretName, k8sDefaultName)), '\n')
		if doc.Namespace != "" {
			dst = append(appendYAML(append(dst, "  namespace: "...), doc.Namespace), '\n')
		}
		return append(dst, "type: Opaque\ndata:"...)
	},
	entry: func(dst []byte, it item) []byte {
		dst = append(appendYAML(append(dst, "\n  "...), it.name), ": \""...)
		return append(base64.StdEncoding.AppendEncode(dst, []byte(it.value)), '"')
	},
	done: func(dst []byte, _ *Document, empty bool) []byte {
		if empty {
			return append(dst, " {}\n"...)
		}
		return append(dst, '\n')
	},
}

const k8sDefaultName = "infuse"

// k8sName is validation.IsConfigMapKey of k8s.io/apimachinery.
func k8sName(name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c == '_' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return "the name is not letters, digits, _, - and ."
		}
	}
	if len(name) > 253 || name == "." || strings.HasPrefix(name, "..") {
		return "the name is not a key of a Secret"
	}
	return ""
}

// k8sObjectName is a DNS subdomain (RFC 1123) of at most 253 bytes.
func k8sObjectName(name string) string {
	bad := len(name) > 253
	for label := range strings.SplitSeq(name, ".") {
		bad = bad || label == "" || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	}
	if bad {
		return "the name of the Secret is not lower case letters, digits, - and ."
	}
	return ""
}
