package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// serveConfig is the configuration of recall serve, with where each value is
// from.
type serveConfig struct {
	node   node.Config
	level  string
	format string
	values map[string]any
	from   map[string]string
	// warnings are what looks like a mistake and is none for certain.
	warnings []string
}

// configError says which value is wrong, and where it stands.
type configError struct {
	where string
	err   error
}

func (e *configError) Error() string { return e.where + ": " + e.err.Error() }

func (e *configError) Unwrap() error { return e.err }

// loadConfig merges defaults, file, environment and flags, the later over the
// earlier, and reports everything that is wrong.
func loadConfig(path string, environ []string, flags *pflag.FlagSet) (*serveConfig, error) {
	c := &serveConfig{values: map[string]any{}, from: map[string]string{}}
	layers := []struct {
		name string
		load func(*koanf.Koanf) error
	}{
		{"default", loadDefaults},
		{path, func(k *koanf.Koanf) error { return loadFile(k, path) }},
		{"environment", func(k *koanf.Koanf) error { return k.Load(envProvider(environ), nil) }},
		{"flag", func(k *koanf.Koanf) error { return k.Load(flagProvider(flags), nil) }},
	}
	all := koanf.New(".")
	var errs []error
	for _, l := range layers {
		k := koanf.New(".")
		if err := l.load(k); err != nil {
			return nil, err
		}
		if l.name == path && path != "" {
			errs = append(errs, unknownKeys(path, "", k.Raw())...)
		}
		for _, s := range settings() {
			// A section or value that is named and left empty says nothing.
			if !k.Exists(s.key) || k.Get(s.key) == nil {
				continue
			}
			v, err := s.parse(k.Get(s.key))
			if err != nil {
				errs = append(errs, &configError{s.place(l.name), err})
				continue
			}
			if err := all.Set(s.key, v); err != nil {
				return nil, err
			}
			c.values[s.key], c.from[s.key] = v, l.name
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	c.node = node.Default()
	if err := all.Unmarshal("", &c.node); err != nil {
		return nil, &configError{"configuration", err}
	}
	c.level, c.format = all.String("log.level"), all.String("log.format")
	c.warnings = misspelt(environ)
	return c, errors.Join(c.checkLog()...)
}

// place names a setting as the user wrote it.
func (s setting) place(layer string) string {
	switch layer {
	case "environment":
		return s.env
	case "flag":
		return "--" + s.flag
	}
	return layer + ": " + s.key
}

func (c *serveConfig) checkLog() []error {
	var errs []error
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.level) {
		errs = append(errs, &configError{"log.level", fmt.Errorf("%q is none of debug, info, warn, error", c.level)})
	}
	if c.format != "text" && c.format != "json" {
		errs = append(errs, &configError{"log.format", fmt.Errorf("%q is neither text nor json", c.format)})
	}
	return errs
}

func loadDefaults(k *koanf.Koanf) error {
	if err := k.Load(structs.Provider(node.Default(), "koanf"), nil); err != nil {
		return err
	}
	// The node is given a logger and does not know these two.
	return errors.Join(k.Set("log.level", "info"), k.Set("log.format", "text"))
}

func loadFile(k *koanf.Koanf, path string) error {
	if path == "" {
		return nil
	}
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return &configError{path, plainError(err)}
	}
	return nil
}

// plainError leaves out what the file system repeats: the file's name.
func plainError(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
}

// unknownKeys walks a section of the file. A key that is not known is an error:
// it is most likely misspelt, and what it should have said would be missing.
func unknownKeys(path, section string, values map[string]any) []error {
	var errs []error
	for _, name := range sortedKeys(values) {
		key := section + name
		inside, isSection := values[name].(map[string]any)
		switch set, known := findSetting(key); {
		case strings.Contains(name, "."):
			errs = append(errs, &configError{path + ": " + key, errors.New("has a dot in it; write sections, one inside the other")})
		case known && set.kind == kindList:
			errs = append(errs, unknownEntryFields(path, key, values[name])...)
		case known && isSection:
			errs = append(errs, &configError{path + ": " + key, errors.New("is a section, expected a value")})
		case known:
		case isSection && hasSection(key):
			errs = append(errs, unknownKeys(path, key+".", inside)...)
		case hasSection(key) && values[name] == nil:
		case hasSection(key):
			errs = append(errs, &configError{path + ": " + key, errors.New("is a value, expected a section")})
		default:
			errs = append(errs, &configError{path + ": " + key, errors.New("is not a setting of recall serve" + nearest(key, settingKeys()))})
		}
	}
	return errs
}

// entryFields are the fields of the entries of each list, and where more is said
// of them.
func entryFields(key string) (fields []string, see string) {
	switch key {
	case "facades":
		return []string{"facade", "id", "app", "secret", "admins", "sign_only", "basic_only", "callback_token", "callbacks"}, "recall facade --help"
	case "callbacks":
		return []string{"app", "channel", "id", "secret", "user"}, "deploy/recall.yaml"
	case "vendors":
		return []string{"app", "channel", "settings"}, "deploy/recall.yaml"
	case "webhooks":
		return []string{"app", "url", "secret", "events"}, "deploy/recall.yaml"
	}
	return []string{"id", "hash", "app", "roles"}, "recall key create"
}

// unknownEntryFields does the same for a list.
func unknownEntryFields(path, key string, v any) []error {
	fields, see := entryFields(key)
	list, ok := v.([]any)
	if !ok && v != nil {
		return []error{&configError{path + ": " + key, errors.New("is not a list; see " + see)}}
	}
	var errs []error
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			errs = append(errs, &configError{fmt.Sprintf("%s: %s[%d]", path, key, i), errors.New("is not an entry with " + strings.Join(fields, ", "))})
			continue
		}
		for _, name := range sortedKeys(m) {
			if !slices.Contains(fields, name) {
				errs = append(errs, &configError{fmt.Sprintf("%s: %s[%d].%s", path, key, i, name),
					errors.New("is not a field of an entry" + nearest(name, fields))})
			}
		}
	}
	return errs
}

// envProvider reads the variables of the table; empty ones say nothing, since
// that is how compose files pass on what is not set.
func envProvider(environ []string) koanf.Provider {
	keys := map[string]string{}
	for _, s := range settings() {
		if s.env != "" {
			keys[s.env] = s.key
		}
	}
	return env.Provider(".", env.Opt{
		Prefix:      "RECALL_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if value == "" {
				return "", nil
			}
			return keys[name], value
		},
	})
}

// flagProvider reads the flags that were given.
func flagProvider(flags *pflag.FlagSet) koanf.Provider {
	keys := map[string]string{}
	for _, s := range settings() {
		if s.flag != "" {
			keys[s.flag] = s.key
		}
	}
	return posflag.ProviderWithFlag(flags, ".", nil, func(f *pflag.Flag) (string, any) {
		return keys[f.Name], f.Value.String()
	})
}

// misspelt warns of variables that are nearly those of the table. Others that
// begin the same are left alone: Kubernetes sets some for a service called
// recall.
func misspelt(environ []string) []string {
	known := []string{"RECALL_API", "RECALL_TOKEN", "RECALL_APP", "RECALL_CONFIG"}
	for _, s := range settings() {
		if s.env != "" {
			known = append(known, s.env)
		}
	}
	var warnings []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "RECALL_") || slices.Contains(known, name) {
			continue
		}
		if near := nearest(name, known); near != "" {
			warnings = append(warnings, "the environment variable "+name+" is not a setting and is not read"+near)
		}
	}
	return warnings
}
