// Command notices writes the notices that the licences of linked code ask for:
// every module that the given programs were linked from, the Go standard library
// and runtime, and what is kept in the repository from others, each with its
// licence texts. It refuses a component whose licence it does not know or that
// the product may not link. The same programs give the same bytes.
//
//	notices -out FILE PROGRAM...
package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// component is one thing by others that is in a program.
type component struct {
	name, version string
	source        string // where its source is
	dir           string // where its licence texts are
}

func main() {
	out := flag.String("out", "", "file to write")
	repository := flag.String("repository", ".", "the product's source")
	flag.Parse()
	if err := run(*out, *repository, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(out, repository string, programs []string) error {
	if out == "" || len(programs) == 0 {
		return errors.New("no file or no programs given; see notices -help")
	}
	components, err := linked(repository, programs)
	if err != nil {
		return err
	}
	text, err := render(components)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return fmt.Errorf("write notices: %w", err)
	}
	return nil
}

// linked lists what the programs contain, by name.
func linked(repository string, programs []string) ([]component, error) {
	versions := map[string]string{}
	toolchain := ""
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, fmt.Errorf("read modules of %s: %w", program, err)
		}
		toolchain = info.GoVersion
		for _, m := range info.Deps {
			if m.Replace != nil {
				return nil, fmt.Errorf("%s: module %s is replaced by %s, whose licence is not looked up", program, m.Path, m.Replace.Path)
			}
			versions[m.Path] = m.Version
		}
	}
	components, err := locate(repository, versions)
	if err != nil {
		return nil, err
	}
	root, err := goTool(repository, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	components = append(components, component{"Go standard library and runtime", toolchain, "https://go.dev/dl/", strings.TrimSpace(root)})
	kept, err := embedded(repository)
	if err != nil {
		return nil, err
	}
	components = append(components, kept...)
	slices.SortFunc(components, func(a, b component) int { return strings.Compare(a.name, b.name) })
	return components, nil
}

// locate finds the modules' folders.
func locate(repository string, versions map[string]string) (list []component, err error) {
	args := []string{"list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}"}
	for path := range versions {
		args = append(args, path)
	}
	slices.Sort(args[4:])
	out, err := goTool(repository, args...)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 || f[2] == "" || f[1] != versions[f[0]] {
			return nil, fmt.Errorf("find module %q: its source is not here, or of another version than was linked", line)
		}
		list = append(list, component{f[0], f[1], "https://pkg.go.dev/" + f[0] + "@" + f[1], f[2]})
	}
	return list, nil
}

// embedded lists the folders of the repository that hold others' work: those with
// a licence of their own.
func embedded(repository string) (list []component, err error) {
	err = filepath.WalkDir(filepath.Join(repository, "agent"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isLicence(d.Name()) {
			return err
		}
		dir, err := filepath.Rel(repository, filepath.Dir(name))
		if err != nil {
			return err
		}
		list = append(list, component{"files in " + filepath.ToSlash(dir), "", "in the product's repository", filepath.Dir(name)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for others' files: %w", err)
	}
	return slices.CompactFunc(list, func(a, b component) bool { return a.dir == b.dir }), nil
}

func goTool(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run go %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
