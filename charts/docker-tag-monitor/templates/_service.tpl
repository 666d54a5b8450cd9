{{/*
A Deployment of one of the four services. Arguments: root, component (also the image and the user of NATS), values,
database (projector, api or empty), readiness (path), credentials (list of variable and key), registries, autoscaled,
progressDeadlineSeconds (where a rollout may take longer than ten minutes).
*/}}
{{- define "dtm.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "dtm.fullname" $root }}-{{ .component }}
  labels:
    {{- include "dtm.labels" . | nindent 4 }}
spec:
  {{- if not .autoscaled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  {{- with .progressDeadlineSeconds }}
  progressDeadlineSeconds: {{ . }}
  {{- end }}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "dtm.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "dtm.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ toYaml $root.Values.config | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "dtm.serviceAccountName" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "dtm.scheduling" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      # A service that drains takes 15 seconds at most.
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "dtm.podSecurityContext" $root | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "dtm.image" (dict "root" $root "image" .component) | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          securityContext:
            {{- include "dtm.securityContext" $root | nindent 12 }}
          ports:
            - name: http
              containerPort: 8080
          envFrom:
            - configMapRef:
                name: {{ include "dtm.fullname" $root }}-config
            {{- with $values.extraEnvFrom }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            {{- include "dtm.secretEnvironment" (dict "root" $root "database" .database) | nindent 12 }}
            {{- if $root.Values.credentials.existingSecret }}
            {{- range .credentials }}
            - name: {{ .name }}
              valueFrom:
                secretKeyRef:
                  name: {{ $root.Values.credentials.existingSecret }}
                  key: {{ .key }}
                  optional: true
            {{- end }}
            {{- end }}
            {{- if and .registries $root.Values.registriesFile.existingSecret }}
            - name: REGISTRIES_FILE
              value: /etc/dtm/registries/{{ $root.Values.registriesFile.key }}
            {{- end }}
            {{- with .environment }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          # Reading a large stream into memory comes before the service listens.
          startupProbe:
            httpGet: { path: /healthz, port: http }
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /healthz, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: {{ .readiness }}, port: http }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 3
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            - name: secrets
              mountPath: /run/secrets/dtm
              readOnly: true
            {{- if and .registries $root.Values.registriesFile.existingSecret }}
            - name: registries
              mountPath: /etc/dtm/registries
              readOnly: true
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 64Mi }
        {{- include "dtm.secretVolume" (dict "root" $root "natsUser" .component "database" .database) | nindent 8 }}
        {{- if and .registries $root.Values.registriesFile.existingSecret }}
        # The whole Secret: a file of credentials or a CA that the registries file names lies beside it.
        - name: registries
          secret:
            secretName: {{ $root.Values.registriesFile.existingSecret }}
            defaultMode: 0440
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}

{{/* The Service of a component: for other pods, or for Prometheus alone. Arguments: root, component. */}}
{{- define "dtm.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "dtm.fullname" .root }}-{{ .component }}
  labels:
    {{- include "dtm.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "dtm.selector" . | nindent 4 }}
  ports:
    - name: http
      port: 8080
      targetPort: http
{{- end -}}

{{/* Arguments: root, component, values. */}}
{{- define "dtm.podDisruptionBudget" -}}
{{- if .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "dtm.fullname" .root }}-{{ .component }}
  labels:
    {{- include "dtm.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "dtm.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
