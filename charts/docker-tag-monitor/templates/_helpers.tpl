{{- define "dtm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "dtm.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "dtm.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dtm.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change during the life of a release. Arguments: root, component. */}}
{{- define "dtm.selector" -}}
app.kubernetes.io/name: {{ include "dtm.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "dtm.labels" -}}
{{ include "dtm.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: docker-tag-monitor
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dtm.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dtm.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Arguments: root, image (the last part of the name). */}}
{{- define "dtm.image" -}}
{{- printf "%s/%s:%s" .root.Values.image.repository .image (default .root.Chart.AppVersion .root.Values.image.tag) -}}
{{- end -}}

{{/* The restricted profile of the Pod Security Standards. */}}
{{- define "dtm.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "dtm.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where a pod's settings that every workload has come from. Arguments: root, component, values (of the component). */}}
{{- define "dtm.scheduling" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" .root.Values.topologySpread.topologyKey | uniq }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "dtm.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* What cannot work is refused in words instead of failing in the cluster. */}}
{{- define "dtm.check" -}}
{{- if and .Values.database.cnpg.enabled .Values.database.external.existingSecret -}}
{{- fail "database: set either cnpg.enabled or external.existingSecret, not both" -}}
{{- end -}}
{{- if not (or .Values.database.cnpg.enabled .Values.database.external.existingSecret) -}}
{{- fail "database: set database.external.existingSecret (a Secret with the keys projector-url and api-url), or database.cnpg.enabled=true" -}}
{{- end -}}
{{- if and (not .Values.nats.enabled) (not .Values.nats.external.existingSecret) -}}
{{- fail "nats: with nats.enabled=false set nats.external.existingSecret (a Secret with the keys api-url, scheduler-url, registry-fetcher-url, history-projector-url)" -}}
{{- end -}}
{{- if and .Values.nats.enabled .Values.nats.tls.enabled (not .Values.nats.tls.existingSecret) -}}
{{- fail "nats.tls: set nats.tls.existingSecret (a Secret with tls.crt, tls.key and ca.crt)" -}}
{{- end -}}
{{- if and .Values.backup.enabled .Values.database.external.existingSecret (not .Values.nats.enabled) (not .Values.nats.external.existingSecret) -}}
{{- fail "backup: needs NATS" -}}
{{- end -}}
{{- range .Values.nats.subscribers -}}
{{- /* The passwords of fetcher and projector lie under these names, beside those of the subscribers. */ -}}
{{- if has .name (list "api" "scheduler" "registry-fetcher" "fetcher" "history-projector" "projector" "backup" "operator" "system" "cluster") -}}
{{- fail (printf "nats.subscribers: %s is the name of a user of the system" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
