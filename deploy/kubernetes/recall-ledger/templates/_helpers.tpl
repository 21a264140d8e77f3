{{- define "recall.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "recall-ledger" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-recall-ledger" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "recall.selector" -}}
app.kubernetes.io/name: recall-ledger
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "recall.labels" -}}
{{ include "recall.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "recall.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The name that the NATS chart gives its objects. */}}
{{- define "recall.nats" -}}
{{- if .Values.nats.fullnameOverride -}}
{{- .Values.nats.fullnameOverride -}}
{{- else if contains "nats" .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-nats" .Release.Name -}}
{{- end -}}
{{- end -}}

{{/* Every server by its own name: a node that starts finds one that runs. */}}
{{- define "recall.url" -}}
{{- if .Values.log.url -}}
{{- .Values.log.url -}}
{{- else if .Values.nats.enabled -}}
{{- $name := include "recall.nats" . -}}
{{- $list := list -}}
{{- range $i := until (int .Values.nats.config.cluster.replicas) -}}
{{- $list = append $list (printf "nats://%s-%d.%s-headless:4222" $name $i $name) -}}
{{- end -}}
{{- join "," $list -}}
{{- else -}}
{{- fail "log.url: name the servers, or let the chart run its own with nats.enabled=true" -}}
{{- end -}}
{{- end -}}

{{- define "recall.scheme" -}}
{{- if .Values.http.tlsSecret -}}HTTPS{{- else -}}HTTP{{- end -}}
{{- end -}}

{{/* What a node would refuse at its start is refused here, where somebody reads it. */}}
{{- define "recall.check" -}}
{{- if not (or .Values.http.tlsSecret .Values.http.behindProxy) -}}
{{- fail "http.tlsSecret: name a TLS secret, or say http.behindProxy=true when an ingress ends TLS" -}}
{{- end -}}
{{- if not (or .Values.configSecret .Values.config.keys) -}}
{{- fail "config.keys: without keys everybody may do everything; make one with recall key create, or use configSecret" -}}
{{- end -}}
{{- with .Values.log.auth -}}
{{- if not (or .passwordKey .credsKey .nkeyKey) -}}
{{- fail "log.auth: give passwordKey, credsKey or nkeyKey" -}}
{{- end -}}
{{- end -}}
{{- end -}}
