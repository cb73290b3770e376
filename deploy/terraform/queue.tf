locals {
  # The most that there is, in seconds: 14 days without a consumer lose nothing.
  retention_seconds = 1209600
}

# What SQS itself sets aside. Consumers bring it to the dead letters beside the data.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = local.retention_seconds
  sqs_managed_sse_enabled   = var.kms_key_arn == "" ? true : null
  kms_master_key_id         = var.kms_key_arn == "" ? null : var.kms_key_arn
}

resource "aws_sqs_queue" "readings" {
  name                      = var.name
  message_retention_seconds = local.retention_seconds
  max_message_size          = 1048576
  sqs_managed_sse_enabled   = var.kms_key_arn == "" ? true : null
  kms_master_key_id         = var.kms_key_arn == "" ? null : var.kms_key_arn
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    # Each batch that is given back counts as a delivery. So this is only for what ends every consumer.
    maxReceiveCount = 1000
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.readings.arn]
  })
}

data "aws_iam_policy_document" "queue_tls_only" {
  for_each = { readings = aws_sqs_queue.readings, dead = aws_sqs_queue.dead }
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each  = { readings = aws_sqs_queue.readings, dead = aws_sqs_queue.dead }
  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.queue_tls_only[each.key].json
}
