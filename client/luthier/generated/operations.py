"""Every operation of the API, as one method each.

Written by tools/client_types.py from the platform's OpenAPI schema; not by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from luthier.generated import types


class Call(Protocol):
    def __call__(
        self, method: str, path: str, *, inside: dict[str, str], query: dict[str, Any],
        body: Any, kind: str, answers: str,
    ) -> Any: ...


class Operations:
    """Each operation by its name in the schema; `call` sends a request and returns what was answered."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def get_api_schema(self) -> dict[str, Any]:
        """Get this description as OpenAPI 3.1: GET /api/schema"""
        return self._call("GET", "/api/schema", inside={}, query={}, body=None, kind="", answers="application/json")

    def get_audit(self, *, action: str | None = None, actor: str | None = None, after: str | None = None, from_: str | None = None, limit: int | None = None, team: str | None = None, to: str | None = None) -> types.AuditEventObjectListObject:
        """List who changed what: GET /api/v1/audit"""
        return self._call("GET", "/api/v1/audit", inside={}, query={"action": action, "actor": actor, "after": after, "from": from_, "limit": limit, "team": team, "to": to}, body=None, kind="", answers="application/json")

    def get_audit_csv(self, *, action: str | None = None, actor: str | None = None, from_: str | None = None, team: str | None = None, to: str | None = None) -> bytes:
        """Download who changed what as a table: GET /api/v1/audit.csv"""
        return self._call("GET", "/api/v1/audit.csv", inside={}, query={"action": action, "actor": actor, "from": from_, "team": team, "to": to}, body=None, kind="", answers="text/csv")

    def delete_batches_batch_id(self, batch_id: str) -> types.DeletedObject:
        """Delete a batch that has ended: DELETE /api/v1/batches/{batch_id}"""
        return self._call("DELETE", "/api/v1/batches/{batch_id}", inside={"batch_id": batch_id}, query={}, body=None, kind="", answers="application/json")

    def get_catalogue(self) -> types.BaseModelObjectListObject:
        """List base models: GET /api/v1/catalogue"""
        return self._call("GET", "/api/v1/catalogue", inside={}, query={}, body=None, kind="", answers="application/json")

    def get_catalogue_model_id(self, model_id: str) -> types.BaseModelObject:
        """Get a base model: GET /api/v1/catalogue/{model_id}"""
        return self._call("GET", "/api/v1/catalogue/{model_id}", inside={"model_id": model_id}, query={}, body=None, kind="", answers="application/json")

    def post_catalogue_model_id_accept_licence(self, model_id: str) -> types.BaseModelObject:
        """Accept the licence of a base model: POST /api/v1/catalogue/{model_id}/accept_licence"""
        return self._call("POST", "/api/v1/catalogue/{model_id}/accept_licence", inside={"model_id": model_id}, query={}, body=None, kind="", answers="application/json")

    def post_catalogue_model_id_download(self, model_id: str, *, body: types.Download | None = None) -> types.BaseModelObject:
        """Download a base model: POST /api/v1/catalogue/{model_id}/download"""
        return self._call("POST", "/api/v1/catalogue/{model_id}/download", inside={"model_id": model_id}, query={}, body=body, kind="application/json", answers="application/json")

    def put_catalogue_model_id_shutdown_date(self, model_id: str, *, body: types.Shutdown) -> types.BaseModelObject:
        """Announce when a base model is to be gone: PUT /api/v1/catalogue/{model_id}/shutdown_date"""
        return self._call("PUT", "/api/v1/catalogue/{model_id}/shutdown_date", inside={"model_id": model_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_datasets_mix(self, *, body: types.NewMixture) -> types.VersionObject:
        """Mix data sets: POST /api/v1/datasets/mix"""
        return self._call("POST", "/api/v1/datasets/mix", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_deployments(self) -> types.DeploymentObjectListObject:
        """List deployments: GET /api/v1/deployments"""
        return self._call("GET", "/api/v1/deployments", inside={}, query={}, body=None, kind="", answers="application/json")

    def post_deployments(self, *, body: types.NewDeployment) -> types.DeploymentObject:
        """Deploy a model: POST /api/v1/deployments"""
        return self._call("POST", "/api/v1/deployments", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_deployments_deployment_id(self, deployment_id: str) -> types.DeletedObject:
        """Take a deployment down: DELETE /api/v1/deployments/{deployment_id}"""
        return self._call("DELETE", "/api/v1/deployments/{deployment_id}", inside={"deployment_id": deployment_id}, query={}, body=None, kind="", answers="application/json")

    def get_deployments_deployment_id(self, deployment_id: str) -> types.DeploymentObject:
        """Get a deployment: GET /api/v1/deployments/{deployment_id}"""
        return self._call("GET", "/api/v1/deployments/{deployment_id}", inside={"deployment_id": deployment_id}, query={}, body=None, kind="", answers="application/json")

    def patch_deployments_deployment_id(self, deployment_id: str, *, body: types.ChangedDeployment | None = None) -> types.DeploymentObject:
        """Change a deployment: PATCH /api/v1/deployments/{deployment_id}"""
        return self._call("PATCH", "/api/v1/deployments/{deployment_id}", inside={"deployment_id": deployment_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_deployments_deployment_id_pause(self, deployment_id: str) -> types.DeploymentObject:
        """Let a deployment sleep: POST /api/v1/deployments/{deployment_id}/pause"""
        return self._call("POST", "/api/v1/deployments/{deployment_id}/pause", inside={"deployment_id": deployment_id}, query={}, body=None, kind="", answers="application/json")

    def post_deployments_deployment_id_resume(self, deployment_id: str) -> types.DeploymentObject:
        """Wake a deployment: POST /api/v1/deployments/{deployment_id}/resume"""
        return self._call("POST", "/api/v1/deployments/{deployment_id}/resume", inside={"deployment_id": deployment_id}, query={}, body=None, kind="", answers="application/json")

    def get_evaluations(self, *, after: str | None = None, job: str | None = None, limit: int | None = None, model: str | None = None) -> types.EvaluationObjectListObject:
        """List evaluations: GET /api/v1/evaluations"""
        return self._call("GET", "/api/v1/evaluations", inside={}, query={"after": after, "job": job, "limit": limit, "model": model}, body=None, kind="", answers="application/json")

    def post_evaluations(self, *, body: types.NewEvaluation) -> types.EvaluationObject:
        """Evaluate models: POST /api/v1/evaluations"""
        return self._call("POST", "/api/v1/evaluations", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_evaluations_evaluation_id(self, evaluation_id: str) -> types.DeletedObject:
        """Delete an evaluation: DELETE /api/v1/evaluations/{evaluation_id}"""
        return self._call("DELETE", "/api/v1/evaluations/{evaluation_id}", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="application/json")

    def get_evaluations_evaluation_id(self, evaluation_id: str) -> types.EvaluationObject:
        """Get an evaluation with its results: GET /api/v1/evaluations/{evaluation_id}"""
        return self._call("GET", "/api/v1/evaluations/{evaluation_id}", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="application/json")

    def post_evaluations_evaluation_id_cancel(self, evaluation_id: str) -> types.EvaluationObject:
        """Cancel an evaluation: POST /api/v1/evaluations/{evaluation_id}/cancel"""
        return self._call("POST", "/api/v1/evaluations/{evaluation_id}/cancel", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="application/json")

    def get_evaluations_evaluation_id_samples(self, evaluation_id: str, *, after: int | None = None, change: Literal["better", "worse", "changed", "same"] | None = None, kind: Literal["held_out", "training", "recipe", "general", "prompt"] | None = None, limit: int | None = None, model: str | None = None) -> types.SampleObjectListObject:
        """List questions with every answer: GET /api/v1/evaluations/{evaluation_id}/samples"""
        return self._call("GET", "/api/v1/evaluations/{evaluation_id}/samples", inside={"evaluation_id": evaluation_id}, query={"after": after, "change": change, "kind": kind, "limit": limit, "model": model}, body=None, kind="", answers="application/json")

    def get_evaluations_evaluation_id_samples_csv(self, evaluation_id: str) -> bytes:
        """Download questions with answers and votes as a table: GET /api/v1/evaluations/{evaluation_id}/samples.csv"""
        return self._call("GET", "/api/v1/evaluations/{evaluation_id}/samples.csv", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="text/csv")

    def get_evaluations_evaluation_id_samples_jsonl(self, evaluation_id: str) -> bytes:
        """Download questions with answers and votes as JSON Lines: GET /api/v1/evaluations/{evaluation_id}/samples.jsonl"""
        return self._call("GET", "/api/v1/evaluations/{evaluation_id}/samples.jsonl", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="application/jsonl")

    def get_evaluations_evaluation_id_votes(self, evaluation_id: str) -> types.VotesObject:
        """Get the score of blind votes: GET /api/v1/evaluations/{evaluation_id}/votes"""
        return self._call("GET", "/api/v1/evaluations/{evaluation_id}/votes", inside={"evaluation_id": evaluation_id}, query={}, body=None, kind="", answers="application/json")

    def post_evaluations_evaluation_id_votes(self, evaluation_id: str, *, body: types.NewVote) -> types.VotesObject:
        """Vote for one of two answers: POST /api/v1/evaluations/{evaluation_id}/votes"""
        return self._call("POST", "/api/v1/evaluations/{evaluation_id}/votes", inside={"evaluation_id": evaluation_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_files_file_id(self, file_id: str) -> types.WholeFileObject:
        """Get all that the check of a data set found: GET /api/v1/files/{file_id}"""
        return self._call("GET", "/api/v1/files/{file_id}", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def get_files_file_id_acceptance(self, file_id: str) -> types.FileAcceptanceObject:
        """Get what a model is asked after a training on a data set: GET /api/v1/files/{file_id}/acceptance"""
        return self._call("GET", "/api/v1/files/{file_id}/acceptance", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def get_files_file_id_diff(self, file_id: str, *, against: str) -> types.DiffObject:
        """Compare two data sets: GET /api/v1/files/{file_id}/diff"""
        return self._call("GET", "/api/v1/files/{file_id}/diff", inside={"file_id": file_id}, query={"against": against}, body=None, kind="", answers="application/json")

    def get_files_file_id_examples(self, file_id: str) -> bytes:
        """Download the rows of a data set as messages: GET /api/v1/files/{file_id}/examples"""
        return self._call("GET", "/api/v1/files/{file_id}/examples", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/jsonl")

    def get_files_file_id_faults(self, file_id: str, *, after: int | None = None, kind: str | None = None, limit: int | None = None) -> types.FaultsObject:
        """List the faults of a data set: GET /api/v1/files/{file_id}/faults"""
        return self._call("GET", "/api/v1/files/{file_id}/faults", inside={"file_id": file_id}, query={"after": after, "kind": kind, "limit": limit}, body=None, kind="", answers="application/json")

    def get_files_file_id_faults_content(self, file_id: str, *, format: Literal["jsonl", "csv"] | None = None) -> bytes:
        """Download the faults of a data set: GET /api/v1/files/{file_id}/faults/content"""
        return self._call("GET", "/api/v1/files/{file_id}/faults/content", inside={"file_id": file_id}, query={"format": format}, body=None, kind="", answers="application/jsonl")

    def get_files_file_id_faults_groups(self, file_id: str) -> types.FaultGroupObjectListObject:
        """List the faults of a data set by kind: GET /api/v1/files/{file_id}/faults/groups"""
        return self._call("GET", "/api/v1/files/{file_id}/faults/groups", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def post_files_file_id_reading(self, file_id: str, *, body: types.NewReading | None = None) -> types.WholeFileObject:
        """Say how a data set is read: POST /api/v1/files/{file_id}/reading"""
        return self._call("POST", "/api/v1/files/{file_id}/reading", inside={"file_id": file_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_files_file_id_repairs(self, file_id: str) -> types.OfferedRepairListObject:
        """List what would repair a data set: GET /api/v1/files/{file_id}/repairs"""
        return self._call("GET", "/api/v1/files/{file_id}/repairs", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def post_files_file_id_repairs(self, file_id: str, *, body: types.NewRepair) -> types.RepairObject:
        """Repair a data set into a new version: POST /api/v1/files/{file_id}/repairs"""
        return self._call("POST", "/api/v1/files/{file_id}/repairs", inside={"file_id": file_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_files_file_id_rows(self, file_id: str, *, kind: str | None = None, limit: int | None = None, offset: int | None = None, search: str | None = None) -> types.RowsObject:
        """List rows of a data set: GET /api/v1/files/{file_id}/rows"""
        return self._call("GET", "/api/v1/files/{file_id}/rows", inside={"file_id": file_id}, query={"kind": kind, "limit": limit, "offset": offset, "search": search}, body=None, kind="", answers="application/json")

    def patch_files_file_id_rows(self, file_id: str, *, body: types.EditedRows) -> types.WholeFileObject:
        """Change or remove rows as a new version: PATCH /api/v1/files/{file_id}/rows"""
        return self._call("PATCH", "/api/v1/files/{file_id}/rows", inside={"file_id": file_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_files_file_id_rows(self, file_id: str, *, body: types.NewRows) -> types.WholeFileObject:
        """Add rows as a new version: POST /api/v1/files/{file_id}/rows"""
        return self._call("POST", "/api/v1/files/{file_id}/rows", inside={"file_id": file_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_files_file_id_rows_number_tokens(self, file_id: str, number: str, *, model: str, max_seq_len: int | None = None, system_prompt: str | None = None) -> types.RowTokens:
        """Get a row as tokens: GET /api/v1/files/{file_id}/rows/{number}/tokens"""
        return self._call("GET", "/api/v1/files/{file_id}/rows/{number}/tokens", inside={"file_id": file_id, "number": number}, query={"max_seq_len": max_seq_len, "model": model, "system_prompt": system_prompt}, body=None, kind="", answers="application/json")

    def post_files_file_id_split(self, file_id: str, *, body: types.NewSplit) -> types.SplitObject:
        """Split a data set: POST /api/v1/files/{file_id}/split"""
        return self._call("POST", "/api/v1/files/{file_id}/split", inside={"file_id": file_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_files_file_id_statistics(self, file_id: str, *, model: str, max_seq_len: int | None = None, system_prompt: str | None = None) -> types.TokenStatistics:
        """Get the lengths of a data set in tokens: GET /api/v1/files/{file_id}/statistics"""
        return self._call("GET", "/api/v1/files/{file_id}/statistics", inside={"file_id": file_id}, query={"max_seq_len": max_seq_len, "model": model, "system_prompt": system_prompt}, body=None, kind="", answers="application/json")

    def get_files_file_id_versions(self, file_id: str) -> types.VersionObjectListObject:
        """List the versions of a data set: GET /api/v1/files/{file_id}/versions"""
        return self._call("GET", "/api/v1/files/{file_id}/versions", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def post_files_file_id_versions(self, file_id: str, *, body: types.NewVersion) -> types.VersionObject:
        """Upload a new version of a data set: POST /api/v1/files/{file_id}/versions"""
        return self._call("POST", "/api/v1/files/{file_id}/versions", inside={"file_id": file_id}, query={}, body=body, kind="multipart/form-data", answers="application/json")

    def put_hubs_hub_token(self, hub: str, *, body: types.Token) -> None:
        """Set the token for a model hub: PUT /api/v1/hubs/{hub}/token"""
        return self._call("PUT", "/api/v1/hubs/{hub}/token", inside={"hub": hub}, query={}, body=body, kind="application/json", answers="")

    def get_hyperparameters(self, *, file: str | None = None, model: str | None = None) -> types.HyperparameterObjectListObject:
        """List hyperparameters with their automatic values: GET /api/v1/hyperparameters"""
        return self._call("GET", "/api/v1/hyperparameters", inside={}, query={"file": file, "model": model}, body=None, kind="", answers="application/json")

    def get_jobs_compare(self, *, jobs: str) -> types.ComparisonObject:
        """Compare jobs: GET /api/v1/jobs/compare"""
        return self._call("GET", "/api/v1/jobs/compare", inside={}, query={"jobs": jobs}, body=None, kind="", answers="application/json")

    def post_jobs_estimate(self, *, body: types.NewJob) -> types.Estimate:
        """Estimate a job without creating it: POST /api/v1/jobs/estimate"""
        return self._call("POST", "/api/v1/jobs/estimate", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_jobs_job_id(self, job_id: str) -> types.NamedJobObject:
        """Get the name of a job: GET /api/v1/jobs/{job_id}"""
        return self._call("GET", "/api/v1/jobs/{job_id}", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def patch_jobs_job_id(self, job_id: str, *, body: types.NewName) -> types.NamedJobObject:
        """Name a job: PATCH /api/v1/jobs/{job_id}"""
        return self._call("PATCH", "/api/v1/jobs/{job_id}", inside={"job_id": job_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_jobs_job_id_acceptance(self, job_id: str) -> types.AcceptanceObject:
        """Get the answers of a recipe's acceptance test: GET /api/v1/jobs/{job_id}/acceptance"""
        return self._call("GET", "/api/v1/jobs/{job_id}/acceptance", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_jobs_job_id_command(self, job_id: str) -> types.CommandObject:
        """Get a job as a DeepSpeed command: GET /api/v1/jobs/{job_id}/command"""
        return self._call("GET", "/api/v1/jobs/{job_id}/command", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_jobs_job_id_log(self, job_id: str, *, attempt: int | None = None, offset: int | None = None) -> types.LogObject:
        """Read the log of a job: GET /api/v1/jobs/{job_id}/log"""
        return self._call("GET", "/api/v1/jobs/{job_id}/log", inside={"job_id": job_id}, query={"attempt": attempt, "offset": offset}, body=None, kind="", answers="application/json")

    def get_jobs_job_id_metrics(self, job_id: str, *, limit: int | None = None) -> types.MetricsObjectListObject:
        """List what a training measured, step by step: GET /api/v1/jobs/{job_id}/metrics"""
        return self._call("GET", "/api/v1/jobs/{job_id}/metrics", inside={"job_id": job_id}, query={"limit": limit}, body=None, kind="", answers="application/json")

    def get_jobs_job_id_queue(self, job_id: str) -> types.QueueObject:
        """Get why a job waits, and when it should start: GET /api/v1/jobs/{job_id}/queue"""
        return self._call("GET", "/api/v1/jobs/{job_id}/queue", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def post_jobs_job_id_queue(self, job_id: str, *, body: types.ChangedInQueue | None = None) -> types.QueueObject:
        """Change the priority of a waiting job: POST /api/v1/jobs/{job_id}/queue"""
        return self._call("POST", "/api/v1/jobs/{job_id}/queue", inside={"job_id": job_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_jobs_job_id_retry(self, job_id: str) -> types.FineTuningJobObject:
        """Try a failed job again: POST /api/v1/jobs/{job_id}/retry"""
        return self._call("POST", "/api/v1/jobs/{job_id}/retry", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_jobs_job_id_verdict(self, job_id: str) -> types.VerdictObject:
        """Get the verdict on a job: GET /api/v1/jobs/{job_id}/verdict"""
        return self._call("GET", "/api/v1/jobs/{job_id}/verdict", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def post_jobs_job_id_verdict(self, job_id: str) -> types.VerdictObject:
        """Have a job evaluated: POST /api/v1/jobs/{job_id}/verdict"""
        return self._call("POST", "/api/v1/jobs/{job_id}/verdict", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_keys(self, *, after: str | None = None, limit: int | None = None) -> types.KeyObjectListObject:
        """List API keys: GET /api/v1/keys"""
        return self._call("GET", "/api/v1/keys", inside={}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_keys(self, *, body: types.NewKey | None = None) -> types.KeyObject:
        """Create an API key: POST /api/v1/keys"""
        return self._call("POST", "/api/v1/keys", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_keys_current(self) -> types.KeyObject:
        """Get the key that asks: GET /api/v1/keys/current"""
        return self._call("GET", "/api/v1/keys/current", inside={}, query={}, body=None, kind="", answers="application/json")

    def delete_keys_key_id(self, key_id: str) -> types.DeletedObject:
        """Revoke an API key: DELETE /api/v1/keys/{key_id}"""
        return self._call("DELETE", "/api/v1/keys/{key_id}", inside={"key_id": key_id}, query={}, body=None, kind="", answers="application/json")

    def get_keys_key_id(self, key_id: str) -> types.KeyObject:
        """Get an API key: GET /api/v1/keys/{key_id}"""
        return self._call("GET", "/api/v1/keys/{key_id}", inside={"key_id": key_id}, query={}, body=None, kind="", answers="application/json")

    def post_keys_key_id_rotate(self, key_id: str, *, body: types.Rotation | None = None) -> types.KeyObject:
        """Rotate an API key: POST /api/v1/keys/{key_id}/rotate"""
        return self._call("POST", "/api/v1/keys/{key_id}/rotate", inside={"key_id": key_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_maintenance(self) -> types.MaintenanceObjectListObject:
        """List maintenance windows: GET /api/v1/maintenance"""
        return self._call("GET", "/api/v1/maintenance", inside={}, query={}, body=None, kind="", answers="application/json")

    def post_maintenance(self, *, body: types.MaintenanceBody) -> types.PlannedMaintenance:
        """Plan a maintenance window: POST /api/v1/maintenance"""
        return self._call("POST", "/api/v1/maintenance", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_maintenance_maintenance_id(self, maintenance_id: str) -> types.DeletedObject:
        """Call off or end maintenance: DELETE /api/v1/maintenance/{maintenance_id}"""
        return self._call("DELETE", "/api/v1/maintenance/{maintenance_id}", inside={"maintenance_id": maintenance_id}, query={}, body=None, kind="", answers="application/json")

    def get_model_names(self, *, proposed: bool | None = None) -> types.ModelNameObjectListObject:
        """List mapped model names of other providers: GET /api/v1/model_names"""
        return self._call("GET", "/api/v1/model_names", inside={}, query={"proposed": proposed}, body=None, kind="", answers="application/json")

    def delete_model_names_name(self, name: str) -> types.DeletedObject:
        """Remove a mapped model name: DELETE /api/v1/model_names/{name}"""
        return self._call("DELETE", "/api/v1/model_names/{name}", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def put_model_names_name(self, name: str, *, body: types.MappedName) -> types.ModelNameObject:
        """Map another provider's model name: PUT /api/v1/model_names/{name}"""
        return self._call("PUT", "/api/v1/model_names/{name}", inside={"name": name}, query={}, body=body, kind="application/json", answers="application/json")

    def get_models(self, *, after: str | None = None, limit: int | None = None, q: str | None = None) -> types.TunedModelObjectListObject:
        """List tuned models: GET /api/v1/models"""
        return self._call("GET", "/api/v1/models", inside={}, query={"after": after, "limit": limit, "q": q}, body=None, kind="", answers="application/json")

    def get_models_model_id(self, model_id: str) -> types.TunedModelObject:
        """Get a tuned model: GET /api/v1/models/{model_id}"""
        return self._call("GET", "/api/v1/models/{model_id}", inside={"model_id": model_id}, query={}, body=None, kind="", answers="application/json")

    def patch_models_model_id(self, model_id: str, *, body: types.NewName) -> types.TunedModelObject:
        """Name a tuned model: PATCH /api/v1/models/{model_id}"""
        return self._call("PATCH", "/api/v1/models/{model_id}", inside={"model_id": model_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_models_model_id_card(self, model_id: str) -> bytes:
        """Download the card of a tuned model: GET /api/v1/models/{model_id}/card"""
        return self._call("GET", "/api/v1/models/{model_id}/card", inside={"model_id": model_id}, query={}, body=None, kind="", answers="text/markdown")

    def get_models_model_id_package(self, model_id: str) -> bytes:
        """Download the adapter of a tuned model with its card: GET /api/v1/models/{model_id}/package"""
        return self._call("GET", "/api/v1/models/{model_id}/package", inside={"model_id": model_id}, query={}, body=None, kind="", answers="application/octet-stream")

    def post_nodes_name_cordon(self, name: str) -> types.NodeInService:
        """Give a node no new work: POST /api/v1/nodes/{name}/cordon"""
        return self._call("POST", "/api/v1/nodes/{name}/cordon", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def post_nodes_name_drain(self, name: str) -> types.NodeInService:
        """Drain a node: POST /api/v1/nodes/{name}/drain"""
        return self._call("POST", "/api/v1/nodes/{name}/drain", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def post_nodes_name_move(self, name: str, *, body: types.NodePoolBody) -> types.MovedNode:
        """Move a node to another pool: POST /api/v1/nodes/{name}/move"""
        return self._call("POST", "/api/v1/nodes/{name}/move", inside={"name": name}, query={}, body=body, kind="application/json", answers="application/json")

    def post_nodes_name_uncordon(self, name: str) -> types.NodeInService:
        """Put a node back into service: POST /api/v1/nodes/{name}/uncordon"""
        return self._call("POST", "/api/v1/nodes/{name}/uncordon", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def get_notifications(self, *, after: str | None = None, limit: int | None = None, unread: bool | None = None) -> types.NoticeObjectListObject:
        """List what you were told: GET /api/v1/notifications"""
        return self._call("GET", "/api/v1/notifications", inside={}, query={"after": after, "limit": limit, "unread": unread}, body=None, kind="", answers="application/json")

    def get_notifications_choices(self) -> types.ChoicesObject:
        """Get what you hear about: GET /api/v1/notifications/choices"""
        return self._call("GET", "/api/v1/notifications/choices", inside={}, query={}, body=None, kind="", answers="application/json")

    def put_notifications_choices(self, *, body: types.Chosen) -> types.ChoicesObject:
        """Choose what you hear about: PUT /api/v1/notifications/choices"""
        return self._call("PUT", "/api/v1/notifications/choices", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_notifications_read(self, *, body: types.Read | None = None) -> types.ReadObject:
        """Mark notifications as read: POST /api/v1/notifications/read"""
        return self._call("POST", "/api/v1/notifications/read", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_playground_shares(self, *, after: str | None = None, limit: int | None = None) -> types.ShareObjectListObject:
        """List shared conversations: GET /api/v1/playground/shares"""
        return self._call("GET", "/api/v1/playground/shares", inside={}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_playground_shares(self, *, body: types.NewShare) -> types.ShareObject:
        """Share a conversation with the team: POST /api/v1/playground/shares"""
        return self._call("POST", "/api/v1/playground/shares", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_playground_shares_share_id(self, share_id: str) -> types.DeletedObject:
        """Delete a shared conversation: DELETE /api/v1/playground/shares/{share_id}"""
        return self._call("DELETE", "/api/v1/playground/shares/{share_id}", inside={"share_id": share_id}, query={}, body=None, kind="", answers="application/json")

    def get_playground_shares_share_id(self, share_id: str) -> types.ShareObject:
        """Get a shared conversation: GET /api/v1/playground/shares/{share_id}"""
        return self._call("GET", "/api/v1/playground/shares/{share_id}", inside={"share_id": share_id}, query={}, body=None, kind="", answers="application/json")

    def get_pool(self, *, pool: str | None = None) -> types.PoolObject:
        """Get nodes, devices and who holds them: GET /api/v1/pool"""
        return self._call("GET", "/api/v1/pool", inside={}, query={"pool": pool}, body=None, kind="", answers="application/json")

    def get_pool_forecasts(self) -> types.ForecastsObject:
        """Get how often predicted starts have held: GET /api/v1/pool/forecasts"""
        return self._call("GET", "/api/v1/pool/forecasts", inside={}, query={}, body=None, kind="", answers="application/json")

    def get_pools(self) -> types.PoolRowListObject:
        """List pools: GET /api/v1/pools"""
        return self._call("GET", "/api/v1/pools", inside={}, query={}, body=None, kind="", answers="application/json")

    def post_pools(self, *, body: types.NewPoolBody) -> types.PoolRow:
        """Create a pool: POST /api/v1/pools"""
        return self._call("POST", "/api/v1/pools", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_pools_pool(self, pool: str) -> types.DeletedObject:
        """Delete a pool: DELETE /api/v1/pools/{pool}"""
        return self._call("DELETE", "/api/v1/pools/{pool}", inside={"pool": pool}, query={}, body=None, kind="", answers="application/json")

    def patch_pools_pool(self, pool: str, *, body: types.PoolBody | None = None) -> types.PoolRow:
        """Change a pool: PATCH /api/v1/pools/{pool}"""
        return self._call("PATCH", "/api/v1/pools/{pool}", inside={"pool": pool}, query={}, body=body, kind="application/json", answers="application/json")

    def get_queue(self, *, after: str | None = None, kind: str | None = None, limit: int | None = None, pool: str | None = None, priority: Literal["low", "normal", "high", "urgent", ""] | None = None, search: str | None = None, state: Literal["waiting", "running", ""] | None = None, team: str | None = None) -> types.QueuedObjectListObject:
        """List what waits: GET /api/v1/queue"""
        return self._call("GET", "/api/v1/queue", inside={}, query={"after": after, "kind": kind, "limit": limit, "pool": pool, "priority": priority, "search": search, "state": state, "team": team}, body=None, kind="", answers="application/json")

    def post_queue_run_move(self, run: str, *, body: types.MoveBody) -> types.QueuedObject:
        """Move waiting work in the queue: POST /api/v1/queue/{run}/move"""
        return self._call("POST", "/api/v1/queue/{run}/move", inside={"run": run}, query={}, body=body, kind="application/json", answers="application/json")

    def get_queue_run_preempt(self, run: str) -> types.PreemptionEffect:
        """See what a preemption would do: GET /api/v1/queue/{run}/preempt"""
        return self._call("GET", "/api/v1/queue/{run}/preempt", inside={"run": run}, query={}, body=None, kind="", answers="application/json")

    def post_queue_run_preempt(self, run: str) -> types.QueuedObject:
        """Preempt running work: POST /api/v1/queue/{run}/preempt"""
        return self._call("POST", "/api/v1/queue/{run}/preempt", inside={"run": run}, query={}, body=None, kind="", answers="application/json")

    def post_queue_run_priority(self, run: str, *, body: types.PriorityBody) -> types.QueuedObject:
        """Change the priority of waiting work: POST /api/v1/queue/{run}/priority"""
        return self._call("POST", "/api/v1/queue/{run}/priority", inside={"run": run}, query={}, body=body, kind="application/json", answers="application/json")

    def get_quotas_team(self, team: str, *, pool: str | None = None) -> types.QuotaObject:
        """Get the quota of a team: GET /api/v1/quotas/{team}"""
        return self._call("GET", "/api/v1/quotas/{team}", inside={"team": team}, query={"pool": pool}, body=None, kind="", answers="application/json")

    def put_quotas_team(self, team: str, *, body: types.QuotaBody | None = None, pool: str | None = None) -> types.ChangedQuota:
        """Set the quota of a team: PUT /api/v1/quotas/{team}"""
        return self._call("PUT", "/api/v1/quotas/{team}", inside={"team": team}, query={"pool": pool}, body=body, kind="application/json", answers="application/json")

    def get_recipes(self) -> types.RecipeObjectListObject:
        """List recipes with what each asks: GET /api/v1/recipes"""
        return self._call("GET", "/api/v1/recipes", inside={}, query={}, body=None, kind="", answers="application/json")

    def post_recipes_format(self, *, body: types.FormatAnswers) -> types.VersionObject:
        """Make a data set that teaches an output format: POST /api/v1/recipes/format"""
        return self._call("POST", "/api/v1/recipes/format", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_recipes_identity(self, *, body: types.IdentityAnswers) -> types.VersionObject:
        """Make a data set that gives a model a name: POST /api/v1/recipes/identity"""
        return self._call("POST", "/api/v1/recipes/identity", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_recipes_labels(self, *, body: types.LabelsAnswers) -> types.VersionObject:
        """Make a data set that teaches labels: POST /api/v1/recipes/labels"""
        return self._call("POST", "/api/v1/recipes/labels", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_recipes_sentence(self, *, body: types.SentenceAnswers) -> types.VersionObject:
        """Make a data set that turns a sentence into a model: POST /api/v1/recipes/sentence"""
        return self._call("POST", "/api/v1/recipes/sentence", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_recipes_terms(self, *, body: types.TermsAnswers) -> types.VersionObject:
        """Make a data set that teaches terms and facts: POST /api/v1/recipes/terms"""
        return self._call("POST", "/api/v1/recipes/terms", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_recipes_tone(self, *, body: types.ToneAnswers) -> types.VersionObject:
        """Make a data set that teaches a tone: POST /api/v1/recipes/tone"""
        return self._call("POST", "/api/v1/recipes/tone", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_teams(self) -> types.NamedTeamObjectListObject:
        """List teams: GET /api/v1/teams"""
        return self._call("GET", "/api/v1/teams", inside={}, query={}, body=None, kind="", answers="application/json")

    def post_teams(self, *, body: types.TeamBody) -> types.NamedTeamObject:
        """Create a team: POST /api/v1/teams"""
        return self._call("POST", "/api/v1/teams", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_teams_team(self, team: str) -> types.NamedTeamObject:
        """Get a team: GET /api/v1/teams/{team}"""
        return self._call("GET", "/api/v1/teams/{team}", inside={"team": team}, query={}, body=None, kind="", answers="application/json")

    def patch_teams_team(self, team: str, *, body: types.TeamBody) -> types.NamedTeamObject:
        """Rename a team: PATCH /api/v1/teams/{team}"""
        return self._call("PATCH", "/api/v1/teams/{team}", inside={"team": team}, query={}, body=body, kind="application/json", answers="application/json")

    def get_teams_team_invitations(self, team: str) -> types.InvitationObjectListObject:
        """List open invitations: GET /api/v1/teams/{team}/invitations"""
        return self._call("GET", "/api/v1/teams/{team}/invitations", inside={"team": team}, query={}, body=None, kind="", answers="application/json")

    def post_teams_team_invitations(self, team: str, *, body: types.NewMember) -> types.InvitationObject:
        """Invite somebody into a team: POST /api/v1/teams/{team}/invitations"""
        return self._call("POST", "/api/v1/teams/{team}/invitations", inside={"team": team}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_teams_team_invitations_link_id(self, team: str, link_id: str) -> types.DeletedObject:
        """Withdraw an invitation: DELETE /api/v1/teams/{team}/invitations/{link_id}"""
        return self._call("DELETE", "/api/v1/teams/{team}/invitations/{link_id}", inside={"team": team, "link_id": link_id}, query={}, body=None, kind="", answers="application/json")

    def get_teams_team_limits(self, team: str) -> types.TeamLimitsObject:
        """Get the rate limits of a team: GET /api/v1/teams/{team}/limits"""
        return self._call("GET", "/api/v1/teams/{team}/limits", inside={"team": team}, query={}, body=None, kind="", answers="application/json")

    def put_teams_team_limits(self, team: str, *, body: types.LimitsBody | None = None) -> types.TeamLimitsObject:
        """Set the rate limits of a team: PUT /api/v1/teams/{team}/limits"""
        return self._call("PUT", "/api/v1/teams/{team}/limits", inside={"team": team}, query={}, body=body, kind="application/json", answers="application/json")

    def get_teams_team_members(self, team: str) -> types.MemberObjectListObject:
        """List the members of a team: GET /api/v1/teams/{team}/members"""
        return self._call("GET", "/api/v1/teams/{team}/members", inside={"team": team}, query={}, body=None, kind="", answers="application/json")

    def post_teams_team_members(self, team: str, *, body: types.NewMember) -> types.MemberObject:
        """Add a member to a team: POST /api/v1/teams/{team}/members"""
        return self._call("POST", "/api/v1/teams/{team}/members", inside={"team": team}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_teams_team_members_member_id(self, team: str, member_id: str) -> types.DeletedObject:
        """Remove a member from a team: DELETE /api/v1/teams/{team}/members/{member_id}"""
        return self._call("DELETE", "/api/v1/teams/{team}/members/{member_id}", inside={"team": team, "member_id": member_id}, query={}, body=None, kind="", answers="application/json")

    def get_teams_team_members_member_id(self, team: str, member_id: str) -> types.MemberObject:
        """Get a member of a team: GET /api/v1/teams/{team}/members/{member_id}"""
        return self._call("GET", "/api/v1/teams/{team}/members/{member_id}", inside={"team": team, "member_id": member_id}, query={}, body=None, kind="", answers="application/json")

    def patch_teams_team_members_member_id(self, team: str, member_id: str, *, body: types.ChangedMember) -> types.MemberObject:
        """Change the role of a member: PATCH /api/v1/teams/{team}/members/{member_id}"""
        return self._call("PATCH", "/api/v1/teams/{team}/members/{member_id}", inside={"team": team, "member_id": member_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_teams_team_members_member_id_password_link(self, team: str, member_id: str) -> types.PasswordLinkObject:
        """Make a link for a new password: POST /api/v1/teams/{team}/members/{member_id}/password_link"""
        return self._call("POST", "/api/v1/teams/{team}/members/{member_id}/password_link", inside={"team": team, "member_id": member_id}, query={}, body=None, kind="", answers="application/json")

    def get_usage(self, *, from_: str | None = None, group_by: Literal["team", "user", "day", "model"] | None = None, team: str | None = None, to: str | None = None) -> types.UsageRowListObject:
        """Get what was used: GET /api/v1/usage"""
        return self._call("GET", "/api/v1/usage", inside={}, query={"from": from_, "group_by": group_by, "team": team, "to": to}, body=None, kind="", answers="application/json")

    def get_usage_csv(self, *, from_: str | None = None, group_by: Literal["team", "user", "day", "model"] | None = None, team: str | None = None, to: str | None = None) -> bytes:
        """Download what was used as a table: GET /api/v1/usage.csv"""
        return self._call("GET", "/api/v1/usage.csv", inside={}, query={"from": from_, "group_by": group_by, "team": team, "to": to}, body=None, kind="", answers="text/csv")

    def get_webhook_event_types(self) -> types.EventTypesObject:
        """List what webhooks can hear about: GET /api/v1/webhook_event_types"""
        return self._call("GET", "/api/v1/webhook_event_types", inside={}, query={}, body=None, kind="", answers="application/json")

    def get_webhooks(self, *, after: str | None = None, limit: int | None = None) -> types.WebhookObjectListObject:
        """List webhooks: GET /api/v1/webhooks"""
        return self._call("GET", "/api/v1/webhooks", inside={}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_webhooks(self, *, body: types.NewWebhook) -> types.WebhookObject:
        """Create a webhook: POST /api/v1/webhooks"""
        return self._call("POST", "/api/v1/webhooks", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_webhooks_webhook_id(self, webhook_id: str) -> types.DeletedObject:
        """Delete a webhook: DELETE /api/v1/webhooks/{webhook_id}"""
        return self._call("DELETE", "/api/v1/webhooks/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=None, kind="", answers="application/json")

    def get_webhooks_webhook_id(self, webhook_id: str) -> types.WebhookObject:
        """Get a webhook: GET /api/v1/webhooks/{webhook_id}"""
        return self._call("GET", "/api/v1/webhooks/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=None, kind="", answers="application/json")

    def post_webhooks_webhook_id(self, webhook_id: str, *, body: types.ChangedWebhook | None = None) -> types.WebhookObject:
        """Change a webhook: POST /api/v1/webhooks/{webhook_id}"""
        return self._call("POST", "/api/v1/webhooks/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_webhooks_webhook_id_deliveries(self, webhook_id: str, *, after: str | None = None, limit: int | None = None, status: Literal["pending", "succeeded", "failed"] | None = None) -> types.DeliveryObjectListObject:
        """List what was sent to a webhook: GET /api/v1/webhooks/{webhook_id}/deliveries"""
        return self._call("GET", "/api/v1/webhooks/{webhook_id}/deliveries", inside={"webhook_id": webhook_id}, query={"after": after, "limit": limit, "status": status}, body=None, kind="", answers="application/json")

    def post_webhooks_webhook_id_deliveries_delivery_id_redeliver(self, webhook_id: str, delivery_id: str) -> types.DeliveryObject:
        """Send an event to a webhook once more: POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"""
        return self._call("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", inside={"webhook_id": webhook_id, "delivery_id": delivery_id}, query={}, body=None, kind="", answers="application/json")

    def post_webhooks_webhook_id_rotate_secret(self, webhook_id: str, *, body: types.SecretRotation | None = None) -> types.WebhookObject:
        """Replace the signing secret of a webhook: POST /api/v1/webhooks/{webhook_id}/rotate_secret"""
        return self._call("POST", "/api/v1/webhooks/{webhook_id}/rotate_secret", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_webhooks_webhook_id_test(self, webhook_id: str, *, body: types.SampleEvent) -> types.SampleResult:
        """Send a test event to a webhook: POST /api/v1/webhooks/{webhook_id}/test"""
        return self._call("POST", "/api/v1/webhooks/{webhook_id}/test", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_batches(self, *, after: str | None = None, limit: int | None = None) -> types.BatchObjectListObject:
        """List batches: GET /v1/batches"""
        return self._call("GET", "/v1/batches", inside={}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_openai_batches(self, *, body: types.NewBatch) -> types.BatchObject:
        """Have a file of requests answered: POST /v1/batches"""
        return self._call("POST", "/v1/batches", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_batches_batch_id(self, batch_id: str) -> types.BatchObject:
        """Get a batch: GET /v1/batches/{batch_id}"""
        return self._call("GET", "/v1/batches/{batch_id}", inside={"batch_id": batch_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_batches_batch_id_cancel(self, batch_id: str) -> types.BatchObject:
        """Cancel a batch: POST /v1/batches/{batch_id}/cancel"""
        return self._call("POST", "/v1/batches/{batch_id}/cancel", inside={"batch_id": batch_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_chat_completions(self, *, body: types.NewChatCompletion) -> types.ChatCompletion:
        """Ask a model in a conversation: POST /v1/chat/completions"""
        return self._call("POST", "/v1/chat/completions", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_openai_completions(self, *, body: types.NewCompletion) -> types.TextCompletion:
        """Have a model continue a text: POST /v1/completions"""
        return self._call("POST", "/v1/completions", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_evals(self, *, after: str | None = None, limit: int | None = None, order: Literal["asc", "desc"] | None = None, order_by: Literal["created_at"] | None = None) -> types.EvalObjectListObject:
        """List evals: GET /v1/evals"""
        return self._call("GET", "/v1/evals", inside={}, query={"after": after, "limit": limit, "order": order, "order_by": order_by}, body=None, kind="", answers="application/json")

    def post_openai_evals(self, *, body: types.NewEval) -> types.EvalObject:
        """Create an eval: POST /v1/evals"""
        return self._call("POST", "/v1/evals", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_openai_evals_eval_id(self, eval_id: str) -> types.DeletedEval:
        """Delete an eval with its runs: DELETE /v1/evals/{eval_id}"""
        return self._call("DELETE", "/v1/evals/{eval_id}", inside={"eval_id": eval_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_evals_eval_id(self, eval_id: str) -> types.EvalObject:
        """Get an eval: GET /v1/evals/{eval_id}"""
        return self._call("GET", "/v1/evals/{eval_id}", inside={"eval_id": eval_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_evals_eval_id(self, eval_id: str, *, body: types.ChangedEval | None = None) -> types.EvalObject:
        """Change an eval: POST /v1/evals/{eval_id}"""
        return self._call("POST", "/v1/evals/{eval_id}", inside={"eval_id": eval_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_evals_eval_id_runs(self, eval_id: str, *, after: str | None = None, limit: int | None = None, order: Literal["asc", "desc"] | None = None, status: Literal["queued", "in_progress", "completed", "failed", "canceled"] | None = None) -> types.EvalRunObjectListObject:
        """List the runs of an eval: GET /v1/evals/{eval_id}/runs"""
        return self._call("GET", "/v1/evals/{eval_id}/runs", inside={"eval_id": eval_id}, query={"after": after, "limit": limit, "order": order, "status": status}, body=None, kind="", answers="application/json")

    def post_openai_evals_eval_id_runs(self, eval_id: str, *, body: types.NewRun) -> types.EvalRunObject:
        """Run an eval on a model: POST /v1/evals/{eval_id}/runs"""
        return self._call("POST", "/v1/evals/{eval_id}/runs", inside={"eval_id": eval_id}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_openai_evals_eval_id_runs_run_id(self, eval_id: str, run_id: str) -> types.DeletedRun:
        """Delete a run of an eval: DELETE /v1/evals/{eval_id}/runs/{run_id}"""
        return self._call("DELETE", "/v1/evals/{eval_id}/runs/{run_id}", inside={"eval_id": eval_id, "run_id": run_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_evals_eval_id_runs_run_id(self, eval_id: str, run_id: str) -> types.EvalRunObject:
        """Get a run of an eval: GET /v1/evals/{eval_id}/runs/{run_id}"""
        return self._call("GET", "/v1/evals/{eval_id}/runs/{run_id}", inside={"eval_id": eval_id, "run_id": run_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_evals_eval_id_runs_run_id(self, eval_id: str, run_id: str) -> types.EvalRunObject:
        """Cancel a run of an eval: POST /v1/evals/{eval_id}/runs/{run_id}"""
        return self._call("POST", "/v1/evals/{eval_id}/runs/{run_id}", inside={"eval_id": eval_id, "run_id": run_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_evals_eval_id_runs_run_id_cancel(self, eval_id: str, run_id: str) -> types.EvalRunObject:
        """Cancel a run of an eval, as newer SDKs call it: POST /v1/evals/{eval_id}/runs/{run_id}/cancel"""
        return self._call("POST", "/v1/evals/{eval_id}/runs/{run_id}/cancel", inside={"eval_id": eval_id, "run_id": run_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_evals_eval_id_runs_run_id_output_items(self, eval_id: str, run_id: str, *, after: str | None = None, limit: int | None = None, order: Literal["asc", "desc"] | None = None, status: Literal["pass", "fail"] | None = None) -> types.OutputItemListObject:
        """List the answers of a run: GET /v1/evals/{eval_id}/runs/{run_id}/output_items"""
        return self._call("GET", "/v1/evals/{eval_id}/runs/{run_id}/output_items", inside={"eval_id": eval_id, "run_id": run_id}, query={"after": after, "limit": limit, "order": order, "status": status}, body=None, kind="", answers="application/json")

    def get_openai_evals_eval_id_runs_run_id_output_items_item_id(self, eval_id: str, run_id: str, item_id: str) -> types.OutputItem:
        """Get an answer of a run: GET /v1/evals/{eval_id}/runs/{run_id}/output_items/{item_id}"""
        return self._call("GET", "/v1/evals/{eval_id}/runs/{run_id}/output_items/{item_id}", inside={"eval_id": eval_id, "run_id": run_id, "item_id": item_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_files(self, *, after: str | None = None, limit: int | None = None, order: Literal["asc", "desc"] | None = None, purpose: str | None = None) -> types.FileObjectListObject:
        """List files: GET /v1/files"""
        return self._call("GET", "/v1/files", inside={}, query={"after": after, "limit": limit, "order": order, "purpose": purpose}, body=None, kind="", answers="application/json")

    def post_openai_files(self, *, body: types.NewFile) -> types.FileObject:
        """Upload a file: POST /v1/files"""
        return self._call("POST", "/v1/files", inside={}, query={}, body=body, kind="multipart/form-data", answers="application/json")

    def delete_openai_files_file_id(self, file_id: str) -> types.DeletedObject:
        """Delete a file: DELETE /v1/files/{file_id}"""
        return self._call("DELETE", "/v1/files/{file_id}", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_files_file_id(self, file_id: str) -> types.FileObject:
        """Get a file: GET /v1/files/{file_id}"""
        return self._call("GET", "/v1/files/{file_id}", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_files_file_id_content(self, file_id: str) -> bytes:
        """Download a file: GET /v1/files/{file_id}/content"""
        return self._call("GET", "/v1/files/{file_id}/content", inside={"file_id": file_id}, query={}, body=None, kind="", answers="application/octet-stream")

    def post_openai_fine_tuning_alpha_graders_run(self, *, body: types.NewGraderRun) -> types.GraderRun:
        """Run a grader on one answer: POST /v1/fine_tuning/alpha/graders/run"""
        return self._call("POST", "/v1/fine_tuning/alpha/graders/run", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def post_openai_fine_tuning_alpha_graders_validate(self, *, body: types.NewGrader) -> types.ValidatedGrader:
        """Check a grader: POST /v1/fine_tuning/alpha/graders/validate"""
        return self._call("POST", "/v1/fine_tuning/alpha/graders/validate", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_fine_tuning_jobs(self, *, after: str | None = None, limit: int | None = None, metadata: dict[str, str] | None = None) -> types.FineTuningJobObjectListObject:
        """List jobs: GET /v1/fine_tuning/jobs"""
        return self._call("GET", "/v1/fine_tuning/jobs", inside={}, query={"after": after, "limit": limit, "metadata": metadata}, body=None, kind="", answers="application/json")

    def post_openai_fine_tuning_jobs(self, *, body: types.NewJob) -> types.FineTuningJobObject:
        """Fine-tune a model: POST /v1/fine_tuning/jobs"""
        return self._call("POST", "/v1/fine_tuning/jobs", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_fine_tuning_jobs_job_id(self, job_id: str) -> types.FineTuningJobObject:
        """Get a job: GET /v1/fine_tuning/jobs/{job_id}"""
        return self._call("GET", "/v1/fine_tuning/jobs/{job_id}", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_fine_tuning_jobs_job_id_cancel(self, job_id: str) -> types.FineTuningJobObject:
        """Cancel a job: POST /v1/fine_tuning/jobs/{job_id}/cancel"""
        return self._call("POST", "/v1/fine_tuning/jobs/{job_id}/cancel", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_fine_tuning_jobs_job_id_checkpoints(self, job_id: str, *, after: str | None = None, limit: int | None = None) -> types.CheckpointObjectListObject:
        """List the checkpoints of a job: GET /v1/fine_tuning/jobs/{job_id}/checkpoints"""
        return self._call("GET", "/v1/fine_tuning/jobs/{job_id}/checkpoints", inside={"job_id": job_id}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def get_openai_fine_tuning_jobs_job_id_events(self, job_id: str, *, after: str | None = None, limit: int | None = None) -> types.JobEventObjectListObject:
        """List the events of a job: GET /v1/fine_tuning/jobs/{job_id}/events"""
        return self._call("GET", "/v1/fine_tuning/jobs/{job_id}/events", inside={"job_id": job_id}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_openai_fine_tuning_jobs_job_id_finish(self, job_id: str) -> types.FineTuningJobObject:
        """End a job early with its best weights: POST /v1/fine_tuning/jobs/{job_id}/finish"""
        return self._call("POST", "/v1/fine_tuning/jobs/{job_id}/finish", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_fine_tuning_jobs_job_id_pause(self, job_id: str) -> types.FineTuningJobObject:
        """Pause a job: POST /v1/fine_tuning/jobs/{job_id}/pause"""
        return self._call("POST", "/v1/fine_tuning/jobs/{job_id}/pause", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_fine_tuning_jobs_job_id_resume(self, job_id: str) -> types.FineTuningJobObject:
        """Resume a job: POST /v1/fine_tuning/jobs/{job_id}/resume"""
        return self._call("POST", "/v1/fine_tuning/jobs/{job_id}/resume", inside={"job_id": job_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_models(self) -> types.ModelObjectListObject:
        """List models that can be asked or trained: GET /v1/models"""
        return self._call("GET", "/v1/models", inside={}, query={}, body=None, kind="", answers="application/json")

    def delete_openai_models_name(self, name: str) -> types.DeletedObject:
        """Delete a tuned model: DELETE /v1/models/{name}"""
        return self._call("DELETE", "/v1/models/{name}", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def get_openai_models_name(self, name: str) -> types.ModelObject:
        """Get a model: GET /v1/models/{name}"""
        return self._call("GET", "/v1/models/{name}", inside={"name": name}, query={}, body=None, kind="", answers="application/json")

    def post_openai_uploads(self, *, body: types.NewUpload) -> types.UploadObject:
        """Begin an upload in parts: POST /v1/uploads"""
        return self._call("POST", "/v1/uploads", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_uploads_upload_id(self, upload_id: str) -> types.ReceivedUpload:
        """Get an upload with the parts that are here: GET /v1/uploads/{upload_id}"""
        return self._call("GET", "/v1/uploads/{upload_id}", inside={"upload_id": upload_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_uploads_upload_id_cancel(self, upload_id: str) -> types.UploadObject:
        """Cancel an upload: POST /v1/uploads/{upload_id}/cancel"""
        return self._call("POST", "/v1/uploads/{upload_id}/cancel", inside={"upload_id": upload_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_uploads_upload_id_complete(self, upload_id: str, *, body: types.Completion) -> types.UploadObject:
        """Complete an upload: POST /v1/uploads/{upload_id}/complete"""
        return self._call("POST", "/v1/uploads/{upload_id}/complete", inside={"upload_id": upload_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_openai_uploads_upload_id_parts(self, upload_id: str, *, body: types.NewPart) -> types.UploadPartObject:
        """Upload a part: POST /v1/uploads/{upload_id}/parts"""
        return self._call("POST", "/v1/uploads/{upload_id}/parts", inside={"upload_id": upload_id}, query={}, body=body, kind="multipart/form-data", answers="application/json")

    def get_openai_webhook_endpoints(self, *, after: str | None = None, limit: int | None = None) -> types.WebhookObjectListObject:
        """List webhooks: GET /v1/webhook_endpoints"""
        return self._call("GET", "/v1/webhook_endpoints", inside={}, query={"after": after, "limit": limit}, body=None, kind="", answers="application/json")

    def post_openai_webhook_endpoints(self, *, body: types.NewWebhook) -> types.WebhookObject:
        """Create a webhook: POST /v1/webhook_endpoints"""
        return self._call("POST", "/v1/webhook_endpoints", inside={}, query={}, body=body, kind="application/json", answers="application/json")

    def delete_openai_webhook_endpoints_webhook_id(self, webhook_id: str) -> types.DeletedObject:
        """Delete a webhook: DELETE /v1/webhook_endpoints/{webhook_id}"""
        return self._call("DELETE", "/v1/webhook_endpoints/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=None, kind="", answers="application/json")

    def get_openai_webhook_endpoints_webhook_id(self, webhook_id: str) -> types.WebhookObject:
        """Get a webhook: GET /v1/webhook_endpoints/{webhook_id}"""
        return self._call("GET", "/v1/webhook_endpoints/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=None, kind="", answers="application/json")

    def post_openai_webhook_endpoints_webhook_id(self, webhook_id: str, *, body: types.ChangedWebhook | None = None) -> types.WebhookObject:
        """Change a webhook: POST /v1/webhook_endpoints/{webhook_id}"""
        return self._call("POST", "/v1/webhook_endpoints/{webhook_id}", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_openai_webhook_endpoints_webhook_id_rotate_secret(self, webhook_id: str, *, body: types.SecretRotation | None = None) -> types.WebhookObject:
        """Replace the signing secret of a webhook: POST /v1/webhook_endpoints/{webhook_id}/rotate_secret"""
        return self._call("POST", "/v1/webhook_endpoints/{webhook_id}/rotate_secret", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def post_openai_webhook_endpoints_webhook_id_test(self, webhook_id: str, *, body: types.SampleEvent) -> types.SampleResult:
        """Send a test event to a webhook: POST /v1/webhook_endpoints/{webhook_id}/test"""
        return self._call("POST", "/v1/webhook_endpoints/{webhook_id}/test", inside={"webhook_id": webhook_id}, query={}, body=body, kind="application/json", answers="application/json")

    def get_openai_webhook_event_types(self) -> types.EventTypesObject:
        """List what webhooks can hear about: GET /v1/webhook_event_types"""
        return self._call("GET", "/v1/webhook_event_types", inside={}, query={}, body=None, kind="", answers="application/json")
