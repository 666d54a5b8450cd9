{{/* The Secret with the NATS URL of each user. */}}
{{- define "dtm.natsSecret" -}}
{{- if not .Values.nats.enabled -}}
{{- .Values.nats.external.existingSecret -}}
{{- else if .Values.nats.existingSecret -}}
{{- .Values.nats.existingSecret -}}
{{- else -}}
{{- printf "%s-nats" (include "dtm.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* The Secret with ca.crt that clients of NATS trust; empty: none. */}}
{{- define "dtm.natsCaSecret" -}}
{{- if not .Values.nats.enabled -}}
{{- .Values.nats.external.caSecret -}}
{{- else if .Values.nats.tls.enabled -}}
{{- .Values.nats.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Nine tenths of a limit of memory in Mi or Gi, so that Go collects its garbage before the kernel ends the server; else nothing. */}}
{{- define "dtm.goMemoryLimit" -}}
{{- if regexMatch "^[0-9]+(Mi|Gi)$" (toString .) -}}
{{- $mebibytes := mul (regexFind "^[0-9]+" .) (ternary 1024 1 (hasSuffix "Gi" .)) -}}
{{- printf "%dMiB" (div (mul $mebibytes 9) 10) -}}
{{- end -}}
{{- end -}}

{{- define "dtm.streamReplicas" -}}
{{- if .Values.nats.enabled -}}{{ .Values.nats.replicas }}{{- else -}}{{ .Values.nats.external.streamReplicas }}{{- end -}}
{{- end -}}

{{- define "dtm.cnpgName" -}}
{{- printf "%s-db" (include "dtm.fullname" .) -}}
{{- end -}}

{{/* Where the URL of the database lies for a component. Arguments: root, component (projector, api, backup). */}}
{{- define "dtm.databaseSecret" -}}
{{- if .root.Values.database.external.existingSecret -}}
name: {{ .root.Values.database.external.existingSecret }}
key: {{ .component }}-url
{{- else if has .component (list "api" "backup") -}}
name: {{ include "dtm.cnpgName" .root }}-{{ .component }}
key: url
{{- else -}}
name: {{ include "dtm.cnpgName" .root }}-app
key: uri
{{- end -}}
{{- end -}}

{{/* Secrets as files, those of the component alone. Arguments: root, component, natsUser, database (projector, api, backup or empty). */}}
{{- define "dtm.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "dtm.natsSecret" .root }}
          items:
            - key: {{ .natsUser }}-url
              path: nats-url
      {{- if .database }}
      {{- $database := include "dtm.databaseSecret" (dict "root" .root "component" .database) | fromYaml }}
      - secret:
          name: {{ $database.name }}
          items:
            - key: {{ $database.key }}
              path: database-url
            {{- if and (eq .database "api") .root.Values.database.readReplicas }}
            - key: {{ $database.key | replace "url" "read-url" }}
              path: database-read-url
            {{- end }}
      {{- end }}
      {{- with include "dtm.natsCaSecret" .root }}
      - secret:
          name: {{ . }}
          items:
            - key: ca.crt
              path: nats-ca.crt
      {{- end }}
{{- end -}}

{{/* The environment by which a container finds those files. Arguments as above. */}}
{{- define "dtm.secretEnvironment" -}}
- name: NATS_URL_FILE
  value: /run/secrets/dtm/nats-url
{{- if .database }}
- name: DATABASE_URL_FILE
  value: /run/secrets/dtm/database-url
{{- if and (eq .database "api") .root.Values.database.readReplicas }}
- name: DATABASE_READ_URL_FILE
  value: /run/secrets/dtm/database-read-url
{{- end }}
{{- end }}
{{- if include "dtm.natsCaSecret" .root }}
- name: NODE_EXTRA_CA_CERTS
  value: /run/secrets/dtm/nats-ca.crt
{{- end }}
{{- end -}}

{{/* The variable of a user's password in the configuration of NATS. Argument: its name. */}}
{{- define "dtm.natsVariable" -}}
{{- $short := dict "registry-fetcher" "fetcher" "history-projector" "projector" -}}
NATS_{{ get $short . | default . | upper | replace "-" "_" }}_PASSWORD
{{- end -}}

{{- define "dtm.subscriberAccount" -}}
SUBSCRIBER_{{ . | upper | replace "-" "_" }}
{{- end -}}

{{/* The consumers of all subscribers, as infra/subscribers/subscribers.mjs reads them. */}}
{{- define "dtm.subscriberConsumers" -}}
{{- $consumers := list -}}
{{- range .Values.nats.subscribers }}{{ $consumers = concat $consumers .consumers }}{{ end -}}
{{- toJson $consumers -}}
{{- end -}}
