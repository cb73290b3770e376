output "queue_url" {
  description = "HRM_QUEUE_URL."
  value       = aws_sqs_queue.readings.url
}

output "storage_url" {
  description = "HRM_STORAGE_URL."
  value       = "s3://${aws_s3_bucket.readings.id}/${var.prefix}"
}

output "policies" {
  description = "What each part may do, as JSON: for roles of your own, as those of Kubernetes."
  value       = { for part, document in data.aws_iam_policy_document.part : part => document.json }
}
